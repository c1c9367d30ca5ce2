# fastsync as a container: its own user, nothing but what a run needs. See docs/cookbook.md, "In Docker".
ARG PYTHON_VERSION=3.12
FROM python:${PYTHON_VERSION}-slim AS build

WORKDIR /src
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY fastsync ./fastsync
RUN python -m venv /opt/fastsync \
 && /opt/fastsync/bin/python -m pip install --no-cache-dir --disable-pip-version-check .

FROM python:${PYTHON_VERSION}-slim

COPY --from=build /opt/fastsync /opt/fastsync
# credentials are looked for in ~/.aws, whoever the container runs as
RUN useradd --uid 10001 --create-home --home-dir /home/fastsync fastsync \
 && mkdir /data && chown fastsync /data
ENV HOME=/home/fastsync PYTHONUNBUFFERED=1
USER fastsync
WORKDIR /data
ENTRYPOINT ["/opt/fastsync/bin/fastsync"]
CMD ["--help"]
