# gb28181: one process tree, settings by GB28181_* variables or /etc/gb28181/gb28181.toml.
#   docker build -t gb28181 .
#   docker run --network host -v gb28181:/var/lib/gb28181 gb28181
# Ports: 5060 UDP and TCP (SIP), 8080 TCP (HTTP), 30000-30999 UDP and TCP (media).

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
WORKDIR /src
RUN python -m venv /opt/gb28181
# The dependencies first: this layer stays while only our own source changes.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print('\n'.join(p['dependencies'] + p['optional-dependencies']['s3']))" > runtime.txt \
    && /opt/gb28181/bin/pip install -c requirements.lock -r runtime.txt
COPY . .
# Our packages last, so that no dependency can overwrite them (four have general names).
RUN /opt/gb28181/bin/pip install --no-deps . \
    && /opt/gb28181/bin/python -m compileall -q /opt/gb28181/lib

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 990 gb28181 \
    && useradd --system --uid 990 --gid gb28181 --home-dir /var/lib/gb28181 --shell /usr/sbin/nologin gb28181 \
    && install -d -o gb28181 -g gb28181 -m 750 /var/lib/gb28181 \
    && install -d -m 755 /etc/gb28181
COPY --from=build /opt/gb28181 /opt/gb28181
# PYTHONSAFEPATH: a stray sip.py in a mounted folder must not be taken for ours.
ENV PATH=/opt/gb28181/bin:$PATH \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    GB28181_DATA_DIR=/var/lib/gb28181
USER gb28181
WORKDIR /var/lib/gb28181
VOLUME /var/lib/gb28181
EXPOSE 5060/udp 5060/tcp 8080/tcp 30000-30999/udp 30000-30999/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/gb28181/bin/python", "-m", "gb28181.health"]
ENTRYPOINT ["/opt/gb28181/bin/gb28181"]
CMD ["serve"]
