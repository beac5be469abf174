# The code location: its code server, the webserver and the daemon of an own instance (docs/dagster.md).
#
# The base is [image] of versions.toml, which says how its digest is looked up; a test compares.
ARG BASE=python:3.11.15-slim-bookworm

# Java: the check published_joins runs Spark beside Dagster. Launchers emr and follow need none.
FROM ${BASE} AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1
WORKDIR /app

FROM base AS build
COPY image.lock requirements.lock ./
# uv builds what ships to EMR, here and once: the image needs no package index when it runs.
RUN sed -n '/^uv==/,/^ *#/p' requirements.lock > uv.lock \
    && pip install --no-cache-dir --no-deps --require-hashes -r uv.lock \
    && python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --no-deps --require-hashes -r image.lock
COPY versions.toml emr.lock jars.lock ./
COPY shop shop
COPY settings settings
COPY emr_jobs emr_jobs
COPY pipeline_assets pipeline_assets
COPY local_stack/__init__.py local_stack/checksums.py local_stack/jars.py local_stack/system_packages.py local_stack/
RUN python -m local_stack.jars \
    && python -c "from pipeline_assets import home; from pipeline_assets.shipping import package; \
        package.build(home.deployment_settings().emr.arch)"

FROM base
# A number, so that Kubernetes can see that it is not root.
RUN pip uninstall --yes setuptools wheel pip \
    && useradd --uid 10001 --create-home pipeline \
    && install --directory --owner=pipeline /app/.cache /app/.cache/packages /app/instance
COPY --from=build /venv /venv
COPY --from=build /app/.cache/jars/spark .cache/jars/spark
COPY --from=build --chown=pipeline /app/.cache/packages .cache/packages
COPY versions.toml emr.lock workspace.yaml ./
COPY shop shop
COPY settings settings
COPY emr_jobs emr_jobs
COPY pipeline_assets pipeline_assets
COPY --chown=pipeline instance instance
USER 10001
EXPOSE 4000
CMD ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", "4000", \
    "--module-name", "pipeline_assets.definitions"]
