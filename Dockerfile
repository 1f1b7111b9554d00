# Hauberk's image: the one file of an installation, and what it calls. It runs the control plane, the sidecar, and
# the pod that holds a network namespace.
#
#   docker build --target hauberk --tag hauberk .
#   docker build --target verify --tag hauberk-verify .     with tcpdump, to look at the wire
#
# Nothing here needs BuildKit. A stage without --target is the same as hauberk.
ARG BASE=node:26-slim

FROM ${BASE} AS build
# nft writes the rules of transparent interception, ip (--client-address preserve) its routes; binutils has strip; gcc is
# for one small program.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    binutils ca-certificates gcc iproute2 libatomic1 libc6-dev nftables \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
WORKDIR /build
# Of the packages that Hauberk is developed with, only the one that makes one file of all the others. `npm ci` takes no
# part of a lock file; `npm install` keeps its versions and digests for what is left.
COPY package.json package-lock.json ./
RUN npm pkg delete optionalDependencies \
 && npm pkg set devDependencies="$(npm pkg get devDependencies.esbuild | sed 's/.*/{"esbuild":&}/')" --json \
 && npm install --ignore-scripts --no-audit --no-fund --no-update-notifier
COPY LICENSE package.json ./
COPY docs/errors.md docs/
COPY proto/gen proto/gen
COPY common common
COPY control-plane control-plane
COPY dashboard dashboard
COPY proxy proxy
COPY keeper keeper
COPY cli cli
COPY tools/dist tools/dist
RUN node --disable-warning=ExperimentalWarning tools/dist/main.ts --folder /made --only executable --only licenses
# bash runs the health check and the pods' commands; setpriv lets go of privileges, for the pods to sleep; cp and
# mv are for the program that pods hand out to applications.
RUN tools/dist/image-root.sh /image bash cp ip mv nft setpriv sleep test \
 && install -D /made/hauberk-*-linux-* /image/usr/local/bin/hauberk \
 && install -D --mode=0644 /made/THIRD-PARTY-LICENSES LICENSE -t /image/usr/share/doc/hauberk \
 && install -D cli/health-check cli/share-in-network -t /image/opt/hauberk/cli \
 && gcc -Wall -Werror -Os -s -static -o /image/opt/hauberk/cli/in-network cli/in-network.c \
 && chroot /image /usr/local/bin/hauberk version && chroot /image ip -V && chroot /image nft --version \
 && install -d -m 0700 /state/hauberk

FROM scratch AS hauberk
LABEL org.opencontainers.image.title="Hauberk" \
      org.opencontainers.image.description="A sidecar mesh for plain Docker Compose and plain hosts" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
# The rules of init-netns know the sidecar by this user. A volume that is mounted over one of these
# folders for the first time takes over its owner.
COPY --from=build --chown=15337:15337 /state /var/lib
# As cli/hauberk sets it, which says why.
ENV MALLOC_ARENA_MAX=1
USER 15337:15337
WORKDIR /var/lib/hauberk
EXPOSE 15012 15014 15008 15020 15080
# Whichever of the two runs here. Written in bash, since Node.js would take more time than the answer.
HEALTHCHECK --interval=5s --timeout=5s --retries=6 --start-period=2m \
  CMD ["/opt/hauberk/cli/health-check"]
ENTRYPOINT ["hauberk"]
CMD ["--help"]

FROM ${BASE} AS verify
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends iproute2 libatomic1 tcpdump \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
COPY --from=hauberk /usr/local/bin/hauberk /usr/local/bin/
ENTRYPOINT ["hauberk"]
CMD ["--help"]

FROM hauberk
