# The server and the command line, `colony`: versions and hashes from the lock file, run by a user without rights.
ARG PYTHON=3.13.9-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /build
COPY requirements-uv.lock requirements.lock ./
# The tools that build are in an environment of their own; what is left of them is two wheels.
RUN python -m venv tools \
    && tools/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements-uv.lock \
    && VIRTUAL_ENV=tools tools/bin/uv pip sync --no-cache --require-hashes --no-build requirements.lock \
    && python -m venv --without-pip /opt/colony
COPY pyproject.toml README.md LICENSE ./
COPY projections projections
COPY services services
COPY schemas schemas
COPY infra infra
COPY sdk sdk
RUN tools/bin/python -m hatchling build -t wheel -d /build/wheels
WORKDIR /build/sdk
RUN ../tools/bin/python -m hatchling build -t wheel -d /build/wheels
WORKDIR /build
RUN VIRTUAL_ENV=/opt/colony tools/bin/uv pip install --no-cache --no-build --compile-bytecode \
        --constraints requirements.lock wheels/colonyledger-*.whl wheels/colony_ledger-*.whl

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Colony Ledger" org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --home-dir /var/lib/colony --create-home colony
COPY --from=build /opt/colony /opt/colony
ENV PATH=/opt/colony/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LEDGER_DATA_DIR=/var/lib/colony
USER 10001
WORKDIR /var/lib/colony
VOLUME /var/lib/colony
EXPOSE 50080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10m \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:50080/health', timeout=2)"]
ENTRYPOINT ["colony"]
CMD ["server", "start"]
