#!/usr/bin/env bash
# Makes what the Docker tests need on a Debian or Ubuntu machine: an engine, a base image, a registry on loopback.
# Run it as root, as often as you like: what is there already is left as it is.
#
#   WEIGHBRIDGE_TEST_BASE      a base image to use instead of the local one; then none is made
#   WEIGHBRIDGE_TEST_REGISTRY  where the registry listens (127.0.0.1:5005)
#   WEIGHBRIDGE_CI_CACHE       where the base image is kept as a tarball between runs (~/.cache/weighbridge)
set -euo pipefail

readonly base="local/python:3.11-slim"
readonly base_packages="ca-certificates,python3,python3-venv,python3-pip"
readonly registry="${WEIGHBRIDGE_TEST_REGISTRY:-127.0.0.1:5005}"
readonly cache="${WEIGHBRIDGE_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weighbridge}"

say() { printf 'docker.sh: %s\n' "$*"; }
give_up() { say "$*" >&2; exit 1; }
engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
registry_answers() { python3 -c "import sys, urllib.request as r; r.urlopen('http://$registry/v2/', timeout=2)" 2>/dev/null; }

within() { # within SECONDS COMMAND...: wait until the command succeeds
  local left=$1; shift
  until "$@"; do
    ((left-- > 0)) || return 1
    sleep 1
  done
}

install_packages() {
  local missing=()
  command -v docker >/dev/null || missing+=(docker.io)
  engine_answers || command -v dockerd >/dev/null || missing+=(docker.io)
  command -v docker-registry >/dev/null || missing+=(docker-registry)
  [[ -n ${WEIGHBRIDGE_TEST_BASE:-} ]] || command -v debootstrap >/dev/null || missing+=(debootstrap)
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

start_engine() {
  engine_answers && return 0
  # Never a second daemon: it would take the bridge of the first away.
  if ! pgrep -x dockerd >/dev/null; then
    if [[ -d /run/systemd/system ]]; then
      systemctl start docker
    else
      setsid nohup dockerd >"$cache/dockerd.log" 2>&1 </dev/null 9>&- &
    fi
  fi
  within 60 engine_answers || give_up "dockerd does not answer after 60 s; see $cache/dockerd.log"
}

own_source() { # own_source CODENAME: where this machine's own packages come from
  apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
    awk -v name="$1" '$1 == name && $2 == "main" {print $3; exit}'
}

make_base() {
  local codename mirror components root tarball
  # shellcheck source=/dev/null
  codename="$(. /etc/os-release && echo "$VERSION_CODENAME")"
  tarball="$cache/base-$codename-$(sha256sum <<<"$base_packages" | head -c 12).tar"
  if [[ ! -f $tarball ]]; then
    mirror="$(own_source "$codename")"
    [[ -n $mirror ]] || give_up "apt names no source for $codename; expected a Debian or Ubuntu machine"
    components=main
    [[ $mirror != *ubuntu* ]] || components=main,universe
    say "making $base from this machine's apt source, about a minute"
    root="$(mktemp -d "$cache/root.XXXXXX")"
    trap 'rm -rf "$root"' RETURN
    debootstrap --variant=minbase --components="$components" --include="$base_packages" \
      "$codename" "$root" "$mirror" >"$cache/debootstrap.log" 2>&1 ||
      give_up "debootstrap failed; see $cache/debootstrap.log"
    find "$root/var/cache/apt" "$root/var/lib/apt/lists" -type f -delete
    tar -C "$root" -c . -f "$tarball.part"
    mv "$tarball.part" "$tarball"
  fi
  docker import "$tarball" "$base" >/dev/null
}

start_registry() {
  registry_answers && return 0
  cat >"$cache/registry.yml" <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: $cache/registry}, delete: {enabled: true}}
http: {addr: $registry}
CONFIG
  setsid nohup docker-registry serve "$cache/registry.yml" >"$cache/registry.log" 2>&1 </dev/null 9>&- &
  within 30 registry_answers || give_up "no registry on $registry after 30 s; see $cache/registry.log"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # two runs at a time would start two engines
((EUID == 0)) || engine_answers || give_up "no Docker engine answers; run this as root, it installs and starts one"
install_packages
start_engine
[[ -n ${WEIGHBRIDGE_TEST_BASE:-} ]] || docker image inspect "$base" >/dev/null 2>&1 || make_base
start_registry
say "ready: engine $(docker version --format '{{.Server.Version}}'), base ${WEIGHBRIDGE_TEST_BASE:-$base}, registry $registry"
