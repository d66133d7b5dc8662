# train, built from pinned sources and layered on an image of yours:
#   make image BASE=debian:12.12-slim TAG=my-image
#
# Stages: `build` compiles on the machine's own architecture for TARGETARCH; `agent` is nothing but /train, for
# `COPY --from=`; the last one is BASE with train in front. SOURCES of the libraries: agent/deps.
ARG BUILD=debian:12.12-slim
ARG BASE=debian:12.12-slim

FROM --platform=${BUILDPLATFORM} ${BUILD} AS build
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends make >/dev/null
WORKDIR /src
ARG TARGETARCH
# The libraries first: this layer stays until one of them changes.
COPY agent/deps/deps.mk agent/deps/SOURCES agent/deps/ROOTS agent/deps/fetch agent/deps/build agent/deps/ensure agent/deps/need agent/deps/
RUN make -f agent/deps/deps.mk B=build ARCH=${TARGETARCH} deps
COPY Makefile ./
COPY agent agent
ARG COMMIT=unknown
RUN make B=build ARCH=${TARGETARCH} COMMIT=${COMMIT} && cp build/train /train

FROM scratch AS agent
COPY --from=build /train /train
ENTRYPOINT ["/train"]

FROM ${BASE}
ARG BASE
ARG VERSION=unknown
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="train" \
      org.opencontainers.image.description="entrypoint and init of SageMaker training containers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=agent /train /usr/local/bin/train
ENTRYPOINT ["/usr/local/bin/train"]
