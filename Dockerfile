# Hauberk's image: the control plane, the sidecar, and the pod that holds a network namespace.
#
#   docker build --target hauberk --tag hauberk .
#   docker build --target verify --tag hauberk-verify .     with tcpdump, to look at the wire
#
# Nothing here needs BuildKit. A stage without --target is the same as hauberk.
ARG BASE=node:26-slim

FROM ${BASE} AS packages
WORKDIR /opt/hauberk
COPY package.json package-lock.json ./
# The optional packages are a Node.js for machines that have none; the base has one.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --no-update-notifier

FROM ${BASE} AS hauberk
LABEL org.opencontainers.image.title="Hauberk" \
      org.opencontainers.image.description="A sidecar mesh for plain Docker Compose and plain hosts" \
      org.opencontainers.image.licenses="Apache-2.0"
# nft writes the rules of transparent interception, and ip (--client-address preserve) its routes; setpriv, of util-linux, is in every Debian.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nftables iproute2 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
 && nft --version && setpriv --version
# The rules of init-netns know the sidecar by this user. A volume that is mounted over one of these
# folders for the first time takes over its owner.
RUN groupadd --gid 15337 hauberk \
 && useradd --uid 15337 --gid 15337 --home-dir /var/lib/hauberk --no-create-home \
            --shell /usr/sbin/nologin hauberk \
 && install -d -o 15337 -g 15337 -m 0700 /var/lib/hauberk \
 && ln -s /opt/hauberk/cli/hauberk /usr/local/bin/hauberk
WORKDIR /opt/hauberk
COPY --from=packages /opt/hauberk/node_modules node_modules
COPY package.json LICENSE ./
COPY proto/gen proto/gen
COPY common common
COPY control-plane control-plane
COPY dashboard dashboard
COPY docs/errors.md docs/
COPY proxy proxy
COPY keeper keeper
COPY cli cli
COPY tools/fill-compile-cache.ts tools/
# Node.js keeps what it compiled for each user apart: for root, who lays rules and keeps networks, and for
# the user below, who reads it only. Without it a sidecar takes 40 MB more and twice as long to start.
RUN install -d -o 15337 -g 15337 node_modules/.cache/hauberk \
 && export NODE_OPTIONS=--import=/opt/hauberk/tools/fill-compile-cache.ts \
 && hauberk version && setpriv --reuid=15337 --regid=15337 --clear-groups hauberk version \
 && chown -R root:root node_modules/.cache && chmod -R a+rX,go-w node_modules/.cache
ENV NODE_ENV=production
USER 15337:15337
WORKDIR /var/lib/hauberk
EXPOSE 15012 15014 15008 15020 15080
# Whichever of the two runs here. Written in bash, since Node.js would take more time than the answer.
HEALTHCHECK --interval=5s --timeout=5s --retries=6 \
  CMD ["/opt/hauberk/cli/health-check"]
ENTRYPOINT ["hauberk"]
CMD ["--help"]

FROM hauberk AS verify
USER root
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends tcpdump iproute2 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
HEALTHCHECK NONE

FROM hauberk
