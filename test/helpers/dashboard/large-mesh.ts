import path from 'node:path';
import { SimulatedConnection } from '../../../bench/fleet/simulator/connection.ts';
import { inFlight } from '../../../bench/fleet/simulator/in-flight.ts';
import { SimulatedSidecar } from '../../../bench/fleet/simulator/sidecar.ts';
import { connectAdmin } from '../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { dashboardUrl } from '../../../cli/output/dashboard-url.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { startMesh } from '../mesh/mesh.ts';
import type { Scope } from '../scope.ts';

/** The namespaces, each with as many services. */
export const NAMESPACES = [
  'accounts',
  'billing',
  'catalog',
  'delivery',
  'events',
  'fraud',
  'gifts',
  'help',
  'identity',
  'jobs',
] as const;
export const SERVICES_OF_EACH = 20;
/** The first service of a namespace has a second sidecar. */
export const SIDECARS = NAMESPACES.length * (SERVICES_OF_EACH + 1);

/** A service of the mesh: `billing-7` of `billing`. */
interface Service {
  readonly name: string;
  readonly namespace: string;
  readonly id: string;
  /** SPIFFE IDs. */
  readonly calls: string[];
  readonly callers: string[];
}

/** A mesh as a large company has it, and its dashboard. */
export interface LargeMesh {
  readonly origin: string;
  link(): Promise<string>;
  /** One more service, which calls the first one of the namespace. */
  join(namespace: string, name: string): Promise<void>;
  /** Ends the second sidecar of the first service of the namespace. */
  leave(namespace: string): void;
}

const TRUST_DOMAIN = 'mesh.local';
const AT_ONCE = 16;

/**
 * Starts a control plane, and 200 services in ten namespaces that speak to it as sidecars do, without a data path:
 * each calls the two that are after it in its namespace, and every fifth one also one of the next namespace.
 */
export async function startLargeMesh(scope: Scope): Promise<LargeMesh> {
  const mesh = await startMesh(scope, { controlPlaneArgs: ['--dashboard-listen=127.0.0.1:0'] });
  const port = await mesh.controlPlane.process.port('dashboard');
  const { grpcPort, dataDirectory } = mesh.controlPlane;
  const credential = readAdminCredential(path.join(dataDirectory, 'admin.pem'));
  const admin = connectAdmin({ address: { host: '127.0.0.1', port: grpcPort }, credential });
  scope.teardown(() => admin.close());
  const tokens = new Map<string, string>();
  for (const namespace of NAMESPACES) {
    const scoped = { namespace, service: undefined, ttlSeconds: 3_600, uses: undefined };
    tokens.set(namespace, (await admin.createToken(scoped)).joinToken);
  }

  const sidecars = new Map<string, SimulatedSidecar>();
  const start = async ({ name, namespace, calls, callers }: Service, at: number): Promise<void> => {
    const token = tokens.get(namespace) ?? '';
    const connection = new SimulatedConnection(
      {
        host: '127.0.0.1',
        port: grpcPort,
        trustDomain: TRUST_DOMAIN,
        namespace,
        connections: 'own',
        interest: 'calls',
        services: [],
      },
      { name, token, first: 0, instances: 1, calls: [], callers: [] },
    );
    await connection.enrol();
    const number = sidecars.size;
    const place = {
      instanceId: `${name}-${at}`,
      // Loopback: the control plane dials what sidecars advertise.
      address: `127.1.${number >> 8}.${number & 0xff}`,
      port: 8080,
      interest: { services: [], namespaces: [], addresses: [] },
      edges: { calls, callers },
    };
    const sidecar = new SimulatedSidecar(place, connection, {
      onMessage() {},
      onConnected() {},
      onFailed() {},
    });
    sidecars.set(place.instanceId, sidecar);
    scope.teardown(() => {
      sidecar.close();
      connection.session?.destroy();
    });
    await sidecar.connect();
  };

  const planned = planServices().flatMap((service) =>
    service.name.endsWith('-0')
      ? ([0, 1] as const).map((at) => ({ service, at }))
      : [{ service, at: 0 }],
  );
  const { failures } = await inFlight(
    planned,
    AT_ONCE,
    ({ service, at }) => start(service, at),
    () => undefined,
  );
  if (Object.keys(failures).length > 0) {
    throw new Error(`sidecars did not connect: ${JSON.stringify(failures)}`);
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    link: async () => dashboardUrl(await admin.createDashboardLink({ allowChanges: false })),
    async join(namespace, name) {
      const calls = [idOf(namespace, `${namespace}-0`)];
      await start({ name, namespace, id: idOf(namespace, name), calls, callers: [] }, 0);
    },
    leave: (namespace) => sidecars.get(`${namespace}-0-1`)?.close(),
  };
}

function idOf(namespace: string, service: string): string {
  return spiffeId({ trustDomain: TRUST_DOMAIN, namespace, service }).uri;
}

function planServices(): Service[] {
  const services = NAMESPACES.flatMap((namespace) =>
    Array.from({ length: SERVICES_OF_EACH }, (_, at): Service => {
      const name = `${namespace}-${at}`;
      return { name, namespace, id: idOf(namespace, name), calls: [], callers: [] };
    }),
  );
  const call = (from: Service | undefined, to: Service | undefined): void => {
    if (from === undefined || to === undefined) return;
    from.calls.push(to.id);
    to.callers.push(from.id);
  };
  for (const [number, service] of services.entries()) {
    const at = number % SERVICES_OF_EACH;
    for (const next of [1, 2]) {
      if (at + next < SERVICES_OF_EACH) call(service, services[number + next]);
    }
    if (at % 5 === 0) call(service, services[number + SERVICES_OF_EACH]);
  }
  return services;
}
