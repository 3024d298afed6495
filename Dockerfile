# The product in one image, for a cluster and for a single machine: `make image`, docs/image.md.
#
# Each base can be replaced, which is how a test builds the image without an image registry. All images of a cluster need
# the same minor version of Python, and BASE and BUILD_BASE must have it at the same path.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
ARG BUILD_BASE=docker.io/library/python:3.11-bookworm
ARG NODE_BASE=docker.io/library/node:22-bookworm-slim

# -- the pages
FROM ${NODE_BASE} AS pages
# for a proxy with its own certificate: a file that is mounted during the build
ARG NODE_EXTRA_CA_CERTS
WORKDIR /ui
COPY ui/package.json ui/package-lock.json ui/.npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY ui/ ./
RUN npm run --silent build

# -- the Python packages that the product needs, stripped
FROM ${BUILD_BASE} AS packages
ARG SSL_CERT_FILE
ARG UV_VERSION=0.13.9
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check \
        ${SSL_CERT_FILE:+--cert "$SSL_CERT_FILE"} "uv==${UV_VERSION}"
COPY requirements.lock ./
RUN python3 -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --quiet --no-cache --no-deps -r requirements.lock
COPY scripts/image/strip-packages ./
RUN ./strip-packages /opt/venv

# -- our own code, compiled
FROM packages AS code
WORKDIR /app
COPY actors ./actors
COPY convonet ./convonet
COPY deployments ./deployments
COPY serve_config.yaml ray.env ./
COPY --from=pages /ui/dist ./ui/dist
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode checked-hash actors convonet deployments \
    && mkdir bin \
    && printf '#!/opt/venv/bin/python\nfrom convonet.cli import main\n\nmain()\n' > bin/convonet \
    && chmod 755 bin/convonet

# -- the image: no compiler, no package manager except Debian's own, no root
FROM ${BASE}
# KubeRay's probes call wget
RUN command -v wget >/dev/null \
    || { apt-get update && apt-get install --yes --no-install-recommends wget && rm -rf /var/lib/apt/lists/*; }
# login shells set their own PATH, and must find our programs too
RUN groupadd --gid 10001 convonet \
    && useradd --uid 10001 --gid 10001 --create-home --shell /bin/bash convonet \
    && install --directory --owner convonet --group convonet /var/lib/convonet \
    && echo 'PATH=/app/bin:/opt/venv/bin:$PATH' > /etc/profile.d/convonet.sh
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /app /app

ENV PATH=/app/bin:/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/convonet \
    CONVONET_DATA_DIR=/var/lib/convonet \
    CONVONET_HOST=0.0.0.0 \
    HAPROXY_BINARY=/opt/venv/bin/haproxy \
    RAY_SERVE_HAPROXY_BINARY_PATH=/app/deployments/haproxy.py

# The flags of ray.env. They are in the image's environment, so that they apply to any command of a container:
# KubeRay replaces the command, and an entry point with it. A test compares them with the file.
ENV RAY_SERVE_ENABLE_HA_PROXY=1 \
    RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S=60 \
    RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S=120 \
    RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=deployments.http_server:limit_proxy_server \
    RAY_SERVE_THROUGHPUT_OPTIMIZED=1 \
    RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH=16777216 \
    RAY_grpc_client_keepalive_time_ms=10000 \
    RAY_grpc_client_keepalive_timeout_ms=20000 \
    RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S=3600 \
    RAY_worker_niceness=0 \
    OPENBLAS_NUM_THREADS=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_SERVE_CONTROL_LOOP_INTERVAL_S=0.5 \
    RAY_SERVE_METRICS_EXPORT_INTERVAL_MS=10000 \
    REPORTER_UPDATE_INTERVAL_MS=30000 \
    RAY_task_events_report_interval_ms=0 \
    RAY_local_fs_monitor_interval_ms=5000 \
    RAY_memory_monitor_refresh_ms=1000 \
    RAY_kill_idle_workers_interval_ms=1000 \
    RAY_object_manager_timer_freq_ms=1000 \
    RAY_raylet_check_gc_period_milliseconds=5000 \
    RAY_raylet_report_resources_period_milliseconds=1000 \
    RAY_prestart_worker_first_driver=0 \
    MALLOC_TRIM_THRESHOLD_=131072

WORKDIR /app
USER 10001:10001
EXPOSE 8000 8080 8265
LABEL org.opencontainers.image.title="Convonet" \
      org.opencontainers.image.description="A voice contact center on Ray Serve"
# the product on one machine; on a cluster KubeRay sets another command
CMD ["python", "-m", "deployments.launch"]
