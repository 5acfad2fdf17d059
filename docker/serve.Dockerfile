# Serves one release: the model of its bundle and nothing else. `weighbridge image` prepares the build context:
#   requirements.txt   what the server needs, pinned with hashes
#   weighbridge-*.whl  the code that weighed the model
#   bundle/            model with its own requirements, decision record, signature, reference
#   carried.txt        packages of which the model only reads files, such as the embedded language model; mostly empty
# For a GPU both bases are an NVIDIA CUDA runtime on Ubuntu 24.04; 22.04 has Python 3.10, which is too old.
ARG BUILD_BASE=python:3.11-slim-bookworm
ARG RUNTIME_BASE=python:3.11-slim-bookworm

FROM ${BUILD_BASE} AS build
# hadolint ignore=DL3008
RUN python3 -c 'import pip, venv' 2>/dev/null || { \
      apt-get update && apt-get install -y --no-install-recommends python3 python3-pip python3-venv \
      && rm -rf /var/lib/apt/lists/*; }
# pip stays outside of the environment: nothing can be installed where the server runs. Weighbridge lies beside it, so
# that another version of it, or another model, leaves the large layer as it is; so does what the model reads.
RUN python3 -m venv --without-pip /opt/venv \
    && printf '/opt/weighbridge\n/opt/carried\n' > "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/weighbridge.pth"
WORKDIR /build
COPY requirements.txt ./
# Secret `pip` is a pip.conf, secret `ca` a bundle of certificates; neither reaches a layer, neither is required.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,required=false \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m pip --python /opt/venv/bin/python install --no-compile --require-hashes -r requirements.txt
COPY bundle/model/requirements.txt ./model-requirements.txt
# What the model adds may not move what the server was tested with.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,required=false \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m pip --python /opt/venv/bin/python freeze > pinned.txt \
    && python3 -m pip --python /opt/venv/bin/python install --no-compile -r model-requirements.txt -c pinned.txt
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
# After the check, as they come without what they would depend on.
COPY carried.txt ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,required=false \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    mkdir /opt/carried \
    && if [ -s carried.txt ]; then \
      python3 -m pip --python /opt/venv/bin/python install --no-compile --no-deps --target /opt/carried \
        -r carried.txt -c pinned.txt; \
    fi

FROM ${RUNTIME_BASE} AS serve
# Libraries that a wheel takes from the system, such as libgomp1 for LightGBM.
ARG SYSTEM_PACKAGES=""
# hadolint ignore=DL3008,SC2086
RUN packages="${SYSTEM_PACKAGES}"; \
    command -v python3 >/dev/null || packages="${packages} python3"; \
    if [ -n "${packages}" ]; then \
      apt-get update && apt-get install -y --no-install-recommends ${packages} && rm -rf /var/lib/apt/lists/*; \
    fi; \
    groupadd --gid 10001 weighbridge \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin weighbridge \
    && install -d -o 10001 -g 10001 /var/log/weighbridge
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/carried /opt/carried
COPY --from=build /opt/weighbridge /opt/weighbridge
COPY bundle /srv/bundle
# Public keys, comma separated: whose signature under the decision record counts, unless `docker run --env` names others.
ARG TRUSTED_KEYS=""
ENV WEIGHBRIDGE_TRUSTED_KEYS=${TRUSTED_KEYS}
ENV PATH=/opt/weighbridge/bin:/opt/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv
USER 10001:10001
# An image whose model does not load, or is not the one that passed, is never finished.
RUN --mount=type=tmpfs,target=/tmp ["python", "-c", "from pathlib import Path; from mlops.packaging.bundle import Bundle; from mlops.packaging.load import load_model; bundle = Bundle.open(Path('/srv/bundle')); load_model(bundle.model_dir, task=bundle.task, threshold=bundle.threshold)"]
VOLUME ["/var/log/weighbridge"]
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8080, timeout=2); c.request('GET', '/health/ready'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "mlops.serving", "/srv/bundle", "--host", "0.0.0.0", "--port", "8080", "--log-dir", "/var/log/weighbridge"]
# Last, so that releases share every layer above that they can share.
ARG REVISION="" MODEL="" MODEL_VERSION="" RELEASE="" MODEL_DIGEST="" DECISION_DIGEST="" DEVICE=cpu
LABEL org.opencontainers.image.title="${MODEL}" \
      org.opencontainers.image.version="${MODEL_VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      weighbridge.model="${MODEL}" \
      weighbridge.version="${MODEL_VERSION}" \
      weighbridge.release="${RELEASE}" \
      weighbridge.model-digest="${MODEL_DIGEST}" \
      weighbridge.decision-digest="${DECISION_DIGEST}" \
      weighbridge.device="${DEVICE}"
