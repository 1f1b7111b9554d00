import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import { CALLEE_NAME } from '../lab/certificates.ts';
import { planHauberkGateway } from './gateway/hauberk.ts';
import { planHauberkRoute } from './gateway/hauberk-route.ts';
import { startHauberkMesh } from './hauberk-mesh.ts';
import { planTransparentHauberk } from './transparent/hauberk.ts';
import type { ClientFiles, HauberkOptions, PairPlan, Peer, PeerContext } from './peer.ts';

const SERVICE_PORT = 8080;

/** Hauberk, whose members enrol at a real control plane. */
export const hauberkPeer: Peer = {
  id: 'hauberk',
  title: 'Hauberk',
  kind: 'ours',
  program: 'hauberk',
  install: 'npm ci',
  version: () => Promise.resolve(SOFTWARE_VERSION),
  plans: {
    sidecars: planSidecars,
    transparent: planTransparentHauberk,
    gateway: planHauberkGateway,
    route: planHauberkRoute,
  },
};

async function planSidecars(context: PeerContext): Promise<PairPlan> {
  const { app, ports } = context;
  const mesh = await startHauberkMesh(context);
  const others = otherServices(context.hauberk);
  try {
    if (others.length > 0) await mesh.register(others);
  } catch (error) {
    await mesh.close();
    throw error;
  }
  return {
    caller: mesh.member('caller', 'proxy', [
      '--service=web',
      ...others.map((name) => `--upstream=127.0.0.1:0=${name}:${SERVICE_PORT}`),
      `--metrics-listen=127.0.0.1:${ports.callerMetrics}`,
      '--hbone-listen=127.0.0.1:0',
      `--upstream=127.0.0.1:${ports.plaintext}=${CALLEE_NAME}:${SERVICE_PORT}`,
    ]),
    callee: mesh.callee({ [SERVICE_PORT]: app.httpPort }),
    metrics: [ports.callerMetrics, ports.calleeMetrics].map(
      (port) => `http://127.0.0.1:${port}/metrics`,
    ),
    client: () => clientOf(context.directory),
    close: mesh.close,
  };
}

/** Names of the services that the caller calls besides the application. */
function otherServices({ services = 1 }: HauberkOptions): string[] {
  return Array.from({ length: services - 1 }, (_, at) => `service-${at + 1}`);
}

/** The caller's own certificate, out of its state directory. */
async function clientOf(directory: string): Promise<ClientFiles> {
  const state = await readFile(join(directory, 'caller-state', 'identity.json'), 'utf8');
  const { privateKey, chain, bundle } = JSON.parse(state) as StoredIdentity;
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  return {
    chain: await file('client-chain.pem', chain),
    key: await file('client-key.pem', privateKey),
    trusted: await file('client-trusted.pem', `${bundle.roots}${chain}`),
  };
}

/** What a sidecar keeps of its identity, as far as it is of use here. */
interface StoredIdentity {
  readonly privateKey: string;
  readonly chain: string;
  readonly bundle: { readonly roots: string };
}
