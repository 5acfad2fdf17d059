# Runs `weighbridge validate | train | evaluate | gate | register` on a project mounted at /project.
# `mlops.packaging.image.build_train_image` prepares the build context:
#   requirements.txt          what these commands need, pinned with hashes
#   project-requirements.txt  what the project's training code needs beyond that; may be empty
#   weighbridge-*.whl         the code
# For a GPU both bases are an NVIDIA CUDA runtime on Ubuntu 24.04; 22.04 has Python 3.10, which is too old.
ARG BUILD_BASE=python:3.11-slim-bookworm
ARG RUNTIME_BASE=python:3.11-slim-bookworm

FROM ${BUILD_BASE} AS build
# hadolint ignore=DL3008
RUN python3 -c 'import pip, venv' 2>/dev/null || { \
      apt-get update && apt-get install -y --no-install-recommends python3 python3-pip python3-venv \
      && rm -rf /var/lib/apt/lists/*; }
# Weighbridge lies beside the environment, so that another version of it leaves the large layer as it is.
RUN python3 -m venv --without-pip /opt/venv \
    && echo /opt/weighbridge > "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/weighbridge.pth"
WORKDIR /build
COPY requirements.txt ./
# Secret `pip` is a pip.conf, secret `ca` a bundle of certificates; neither reaches a layer, neither is required.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,required=false \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m pip --python /opt/venv/bin/python install --no-compile --require-hashes -r requirements.txt
COPY project-requirements.txt ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,required=false \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m pip --python /opt/venv/bin/python freeze > pinned.txt \
    && python3 -m pip --python /opt/venv/bin/python install --no-compile -r project-requirements.txt -c pinned.txt
# Tests are a tenth of these packages. Byte code is made here, as nothing is written where it runs; it names no time, so
# the same packages give the same files.
RUN site="$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && for package in numpy pandas pyarrow scipy sklearn; do \
         find "${site}/${package}" -type d -name tests -prune -exec rm -rf {} +; \
       done \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash "${site}"
COPY weighbridge-*.whl ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip --python /opt/venv/bin/python install --no-index --no-deps --target /opt/weighbridge weighbridge-*.whl \
    && python3 -m pip --python /opt/venv/bin/python check

FROM ${RUNTIME_BASE} AS train
ARG SYSTEM_PACKAGES=""
# git, because a decision record names the commit; the mounted project belongs to another user than the container's.
# hadolint ignore=DL3008,SC2086
RUN packages="git ${SYSTEM_PACKAGES}"; \
    command -v python3 >/dev/null || packages="${packages} python3"; \
    apt-get update && apt-get install -y --no-install-recommends ${packages} && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory /project \
    && groupadd --gid 10001 weighbridge \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin weighbridge
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/weighbridge /opt/weighbridge
ENV PATH=/opt/weighbridge/bin:/opt/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /project
USER 10001:10001
RUN --mount=type=tmpfs,target=/tmp ["weighbridge", "--help"]
ENTRYPOINT ["weighbridge"]
CMD ["--help"]
ARG DEVICE=cpu
LABEL org.opencontainers.image.title="weighbridge-train" weighbridge.device="${DEVICE}"
