# Larder in a container:  docker build -t larder . && docker run -p 3128:3128 -p 3129:3129 larder
# It runs under any uid, writes nothing outside memory (--read-only is fine) and logs to stdout.

FROM docker.io/library/debian:bookworm-slim AS build
COPY run /src/run
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(/src/run packages)
COPY . /src
RUN cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DLARDER_TESTS=OFF \
 && cmake --build /build --target larder \
 && strip /build/larder \
 && /build/larder --config /src/conf/container.json --check-config

FROM docker.io/library/debian:bookworm-slim
LABEL org.opencontainers.image.title="larder" \
      org.opencontainers.image.description="A caching HTTP forward proxy" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      libevent-core-2.1-7 libevent-extra-2.1-7 libprometheus-cpp-core1.0 libxxhash0 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
COPY --from=build /build/larder /usr/bin/larder
# Listens on all addresses of the container; mount another file over this one, or add `--set KEY=VALUE` to the command.
COPY conf/container.json /etc/larder/larder.json
USER 65534:65534
EXPOSE 3128 3129
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/usr/bin/larder", "--config", "/etc/larder/larder.json", "health"]
ENTRYPOINT ["/usr/bin/larder", "--config", "/etc/larder/larder.json"]
