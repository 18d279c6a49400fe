# Three images: the last stage, for every role; `--target gate`, for what renders nothing; `--target api`, the HTTP API
# before a queue. What is in them and why: docs/run/image.md. `make image-check` replays these lines without a container engine, so they keep to what tests/image/dockerfile.py reads: one instruction a line, no heredocs, no --mount.
# A tag says what it is, the digest which one; both indexes name amd64 and arm64.
ARG PYTHON=3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
# locked: torch's CUDA build, by its hashes; index: the build that the index offers first, for a look without a GPU.
ARG TORCH=locked
# fetched: from the model hub while building; given: from weights/ of the build context; none: for the engine mesh alone.
ARG WEIGHTS=fetched
# host: the driver's own libraries; compat: NVIDIA's forward compatibility libraries beside them, which the entry point
# takes where the driver is older than they are.
ARG DRIVER_LIBRARIES=host

# What each environment begins with; PIP_ARGS is known to every stage that begins with this one.
FROM python:${PYTHON} AS environment
ARG PIP_ARGS=
RUN python -m venv --without-pip /venv

FROM environment AS packages-without-torch
COPY requirements.txt locks/packages.txt locks/torch.txt /build/
RUN python -m pip --python /venv/bin/python install --no-cache-dir ${PIP_ARGS} --require-hashes --no-deps --only-binary :all: -r /build/packages.txt

FROM packages-without-torch AS packages-locked
RUN python -m pip --python /venv/bin/python install --no-cache-dir ${PIP_ARGS} --require-hashes --no-deps --only-binary :all: -r /build/torch.txt

FROM packages-without-torch AS packages-index
RUN python -m pip --python /venv/bin/python install --no-cache-dir ${PIP_ARGS} --only-binary :all: --constraint /build/requirements.txt torch

FROM packages-${TORCH} AS packages

# Only what fetching needs, so that a change elsewhere in the code does not fetch 637 MB again. Whole seconds as file
# times: layers keep no fractions, and the digests computed here are remembered for a file's exact time.
FROM packages AS weights-none
WORKDIR /build
COPY weights/README.md weights/manifest.json /weights/
COPY liveportrait_core/__init__.py liveportrait_core/errors.py liveportrait_core/limits.py liveportrait_core/options.py liveportrait_core/report.py liveportrait_core/request.py liveportrait_core/
COPY liveportrait_core/weights/ liveportrait_core/weights/

FROM weights-none AS weights-fetched
ARG WEIGHTS_ARGS=
RUN /venv/bin/python -m liveportrait_core.weights fetch --to /weights ${WEIGHTS_ARGS}
RUN rm -r /weights/.incoming /weights/.digests.json
RUN find /weights -type f -exec touch --date=@0 {} +
RUN chmod -R a=rX /weights
RUN /venv/bin/python -m liveportrait_core.weights verify /weights

FROM weights-none AS weights-given
COPY weights/ /weights/
RUN find /weights -type f -exec touch --date=@0 {} +
RUN chmod -R a=rX /weights
RUN /venv/bin/python -m liveportrait_core.weights verify /weights

FROM weights-${WEIGHTS} AS weights

FROM python:${PYTHON} AS driver-host
RUN mkdir -p /usr/local/cuda-13.0/compat

FROM nvidia/cuda:13.0.1-base-ubuntu24.04@sha256:f8ef28f579ea42a44b415d2c5d46f788e6a9b395c6c83f2929416e1fc192c143 AS driver-compat

FROM driver-${DRIVER_LIBRARIES} AS driver

# What each image begins with: the base image, without what could install anything.
FROM python:${PYTHON} AS bare
RUN python -m pip uninstall --yes --root-user-action=ignore setuptools wheel pip
RUN rm -r /usr/local/lib/python*/ensurepip
WORKDIR /app
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp

FROM environment AS gate-packages
COPY locks/gate.txt /build/
RUN python -m pip --python /venv/bin/python install --no-cache-dir ${PIP_ARGS} --require-hashes --no-deps --only-binary :all: -r /build/gate.txt

FROM bare AS gate
LABEL org.opencontainers.image.title="avatar-idle gate" org.opencontainers.image.licenses="MIT"
COPY --from=gate-packages /venv/ /venv/
COPY functions/ /app/functions/
COPY liveportrait_core/ /app/liveportrait_core/
RUN /venv/bin/python -m compileall -q functions liveportrait_core
RUN chmod -R a=rX functions liveportrait_core
ENV LIVEPORTRAIT_ROLE=gate WORKERS=1 THREADS=80 CLOUD_RUN_TIMEOUT_SECONDS=0
USER 10001:10001
ENTRYPOINT ["python", "-m", "functions.runtime.entry_point"]
CMD ["-m", "functions_framework", "--source", "functions/main.py", "--target", "on_avatar_written", "--signature-type", "cloudevent"]

FROM environment AS api-packages
COPY locks/api.txt /build/
RUN python -m pip --python /venv/bin/python install --no-cache-dir ${PIP_ARGS} --require-hashes --no-deps --only-binary :all: -r /build/api.txt

FROM bare AS api
LABEL org.opencontainers.image.title="avatar-idle api" org.opencontainers.image.licenses="MIT"
COPY --from=api-packages /venv/ /venv/
COPY liveportrait_core/ /app/liveportrait_core/
COPY web/ /app/web/
RUN /venv/bin/python -m compileall -q liveportrait_core web
RUN chmod -R a=rX liveportrait_core web
ENV AVATAR_WEB_HOST=0.0.0.0 AVATAR_WEB_PORT=8080 AVATAR_WEB_DATA=/tmp/web
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["web"]

FROM bare
LABEL org.opencontainers.image.title="avatar-idle" org.opencontainers.image.licenses="MIT"
COPY --from=driver /usr/local/cuda-13.0/compat/ /usr/local/cuda-compat/
COPY --from=packages /venv/ /venv/
COPY --from=weights /weights/ /app/weights/
COPY functions/ /app/functions/
COPY liveportrait_core/ /app/liveportrait_core/
COPY web/__init__.py web/errors.py web/generation.py /app/web/
COPY web/cloud/ /app/web/cloud/
COPY web/jobs/ /app/web/jobs/
RUN /venv/bin/python -m compileall -q functions liveportrait_core web
RUN chmod -R a=rX functions liveportrait_core web
ENV MPLCONFIGDIR=/tmp/matplotlib
# One process, since a GPU and a renderer cannot be shared, and a thread for every event that waits; no request times out
# in here, for Cloud Run does that.
ENV WORKERS=1 THREADS=32 CLOUD_RUN_TIMEOUT_SECONDS=0
USER 10001:10001
ENTRYPOINT ["python", "-m", "functions.runtime.entry_point"]
CMD ["-m", "functions_framework", "--source", "functions/main.py", "--target", "on_avatar_written", "--signature-type", "cloudevent"]
