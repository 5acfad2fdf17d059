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
RUN python3 -m venv --without-pip /opt/venv
WORKDIR /build
COPY requirements.txt ./
# Secret `pip` is a pip.conf, secret `ca` a bundle of certificates; neither reaches a layer, neither is required.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,required=false \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m pip --python /opt/venv/bin/python install --require-hashes -r requirements.txt
COPY project-requirements.txt ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,required=false \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m pip --python /opt/venv/bin/python freeze > pinned.txt \
    && python3 -m pip --python /opt/venv/bin/python install -r project-requirements.txt -c pinned.txt
COPY weighbridge-*.whl ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip --python /opt/venv/bin/python install --no-index --no-deps weighbridge-*.whl \
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
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /project
USER 10001:10001
RUN --mount=type=tmpfs,target=/tmp ["weighbridge", "--version"]
ENTRYPOINT ["weighbridge"]
CMD ["--help"]
ARG DEVICE=cpu
LABEL org.opencontainers.image.title="weighbridge-train" weighbridge.device="${DEVICE}"
