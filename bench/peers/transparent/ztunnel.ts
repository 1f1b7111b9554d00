import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, type BenchCommand } from '../../lab/bench-process.ts';
import { CALLEE_NAME } from '../../lab/certificates.ts';
import { configure, type Site } from '../../lab/topology.ts';
import type { IstioCaOrder } from '../istio-ca/service.ts';
import type { PairPlan, Peer, PeerContext } from '../peer.ts';
import { programVersion } from '../program-version.ts';
import { requireTopology } from './require-topology.ts';

const CA_MAIN = join(import.meta.dirname, '../istio-ca/main.ts');
const CA_PORT = 15_012;
/** ztunnel's own, of Istio. */
const TRUST_DOMAIN = 'cluster.local';
const NAMESPACE = 'bench';
const CALLER_NAME = 'web';
/** On what ztunnel sends to the other side; and where it takes what is redirected. */
const MARK = 1337;
const OUTBOUND_PORT = 15_001;
const INBOUND_PORT = 15_006;
const HBONE_PORT = 15_008;

/** ztunnel as a sidecar, in its dedicated mode, with certificates of an authority of the bench. */
export const ztunnelPeer: Peer = {
  id: 'ztunnel',
  title: 'ztunnel',
  kind: 'multiplexing',
  program: 'ztunnel',
  install: 'build it as docs/performance.md says, and name the program in ZTUNNEL',
  note: 'it is measured where both ends intercept, in network namespaces; Hauberk does the same in these rows',
  version: () => programVersion('ztunnel', ['version'], /Version:"([\d.]+(?=")|[0-9a-f]{8})/),
  plans: { transparent: planZtunnel },
};

async function planZtunnel(context: PeerContext): Promise<PairPlan> {
  const { caller, callee, control } = requireTopology(context);
  const { directory, placement } = context;
  const rootFile = join(directory, 'istio-root.pem');
  const order: IstioCaOrder = {
    host: control.address,
    port: CA_PORT,
    trustDomain: TRUST_DOMAIN,
    namespace: NAMESPACE,
    services: [CALLER_NAME, CALLEE_NAME],
    rootFile,
  };
  const authority = startProcess({
    name: 'istio-ca',
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', CA_MAIN, JSON.stringify(order)],
    through: control.through,
    cores: placement.loadCores,
    logFile: join(directory, 'istio-ca.log'),
  });
  try {
    await authority.line(/ is listening$/);
    for (const site of [caller, callee]) await configure(site, interception(control));
  } catch (error) {
    await authority.end();
    throw error;
  }
  const workloads = join(directory, 'workloads.yaml');
  writeFileSync(workloads, localXds({ [CALLER_NAME]: caller, [CALLEE_NAME]: callee }));
  const start = (name: string, service: string, site: Site): BenchCommand => ({
    name,
    program: 'ztunnel',
    args: ['proxy', 'ztunnel'],
    through: site.through,
    env: ztunnelEnvironment({ service, workloads, rootFile, control }),
  });
  return {
    caller: start('caller', CALLER_NAME, caller),
    callee: start('callee', CALLEE_NAME, callee),
    metrics: [],
    close: () => authority.end(),
  };
}

interface ZtunnelOptions {
  readonly service: string;
  readonly workloads: string;
  readonly rootFile: string;
  readonly control: Site;
}

/** What makes it a sidecar of one workload, with one worker thread as everything else here. */
function ztunnelEnvironment(options: ZtunnelOptions): Record<string, string> {
  const { service, workloads, rootFile, control } = options;
  return {
    PROXY_MODE: 'dedicated',
    PROXY_WORKLOAD_INFO: `${NAMESPACE}/${service}/${service}`,
    NODE_NAME: service,
    CLUSTER_ID: 'Kubernetes',
    LOCAL_XDS_PATH: workloads,
    XDS_ADDRESS: '',
    CA_ADDRESS: `https://${control.address}:${CA_PORT}`,
    CA_ROOT_CA: rootFile,
    AUTH_TOKEN: service,
    SECRET_TTL: '86400s',
    // Applications see ztunnel's address as their client, as they do with ours by default.
    ENABLE_ORIG_SRC: 'false',
    IPV6_ENABLED: 'false',
    DNS_PROXY_ADDR: '127.0.0.1:15053',
    PACKET_MARK: String(MARK),
    ZTUNNEL_WORKER_THREADS: '1',
    RUST_LOG: 'off',
  };
}

/** The workloads as ztunnel reads them from a file; JSON is YAML. */
export function localXds(sites: Readonly<Record<string, Pick<Site, 'address'>>>): string {
  const workloads = Object.entries(sites).map(([name, { address }]) => ({
    uid: `Kubernetes//Pod/${NAMESPACE}/${name}`,
    name,
    namespace: NAMESPACE,
    serviceAccount: name,
    trustDomain: TRUST_DOMAIN,
    workloadIps: [address],
    protocol: 'HBONE',
    node: name,
    network: '',
    services: {},
  }));
  return `${JSON.stringify({ workloads, services: [], policies: [] }, null, 2)}\n`;
}

/** What Istio's rules redirect, in the words of nftables: all that leaves the host but for
 * the authority, and all that comes but tunnels. */
function interception({ address }: Site): string {
  return `nft -f - <<'RULES'
table inet istio {
  chain output {
    type nat hook output priority -100; policy accept;
    meta mark ${MARK} return
    ip daddr ${address} return
    fib daddr type local return
    meta l4proto tcp redirect to :${OUTBOUND_PORT}
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    iifname "lo" return
    tcp dport ${HBONE_PORT} return
    fib daddr type != local return
    meta l4proto tcp redirect to :${INBOUND_PORT}
  }
}
RULES`;
}
