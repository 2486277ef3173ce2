# syntax=docker/dockerfile:1
# Every program of Segue in one small image: no shell, no package manager, no root. docs/kubernetes.md says how to build it
# so that it comes out the same each time.

# Pin it by digest for a build that can be repeated: RUST_IMAGE=rust@sha256:...
ARG RUST_IMAGE=rust:1.95-slim-bookworm

#checkov:skip=CKV_DOCKER_7:the tag or digest is in the argument above, which a repeatable build gives a digest
FROM ${RUST_IMAGE} AS build
# The database engine and the cryptography that are compiled in are written in C.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential ca-certificates cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The time of the newest commit, and no path of the machine that builds: the same sources give the same bytes.
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    CARGO_INCREMENTAL=0 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
    CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="--remap-path-prefix=/src=. --remap-path-prefix=/usr/local/cargo=cargo"
RUN cargo build --locked --release --workspace --bins --exclude xtask --exclude segue-sim \
    && mkdir /out \
    && cp target/release/platform-selector target/release/code-issuer target/release/priority-router \
          target/release/web-channel target/release/segue /out/ \
    && ldd /out/* | grep --only-matching '/[^ ]*[.]so[^ ]*' | sort --unique | xargs cp --dereference --parents --target-directory=/out \
    && cp --parents /etc/ssl/certs/ca-certificates.crt /out \
    && find /out -exec touch --date="@${SOURCE_DATE_EPOCH}" {} +

# The programs, the few libraries of the C library that they are linked with, and the public authorities.
FROM scratch
COPY --from=build /out/ /
#checkov:skip=CKV_DOCKER_2:the kubelet asks over gRPC, and nothing in the image could run a check
USER 65532:65532
# Which of the programs it is, the manifests say. On its own the image tells what it can do.
ENTRYPOINT ["/segue"]
CMD ["--help"]
