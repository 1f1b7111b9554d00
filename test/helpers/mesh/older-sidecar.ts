import { SimulatedConnection } from '../../../bench/fleet/simulator/connection.ts';
import { openCall } from '../../../bench/fleet/simulator/grpc.ts';
import {
  DiscoveryService,
  type Hello,
  SyncRequest,
  SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import { freePort } from '../machine/free-port.ts';
import type { Mesh } from './mesh.ts';
import type { Scope } from '../scope.ts';

/** The version that it says that it is. */
export const OLDER_VERSION = '0.0.9';

/** What came and meant nothing to it. */
export interface OlderSidecar {
  readonly instanceId: string;
  /** Watches and questions. */
  readonly ignored: readonly string[];
}

/**
 * A sidecar of `NAMESPACE/SERVICE` of a version before reports and questions: its Hello says where it is and no more, it
 * acknowledges what it is sent of the view, and it skips every message that it does not know, as protobuf has it.
 */
export async function startOlderSidecar(
  scope: Scope,
  { controlPlane, token }: Pick<Mesh, 'controlPlane' | 'token'>,
  { namespace, service }: { readonly namespace: string; readonly service: string },
): Promise<OlderSidecar> {
  const instanceId = `${service}-old`;
  const connection = new SimulatedConnection(
    {
      host: '127.0.0.1',
      port: controlPlane.grpcPort,
      trustDomain: 'mesh.local',
      namespace,
      connections: 'own',
      interest: 'all',
      services: [],
    },
    {
      name: service,
      token: await token(['--namespace', namespace]),
      first: 0,
      instances: 1,
      calls: [],
      callers: [],
    },
  );
  await connection.enrol();
  const session = await connection.open();
  const ignored: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = openCall(session, DiscoveryService.sync.path, {
    onMessage(bytes) {
      const { version, change } = SyncResponse.decode(bytes);
      if (change?.$case === 'watch' || change?.$case === 'question') ignored.push(change.$case);
      if (change?.$case !== 'snapshot' && change?.$case !== 'delta') return;
      const bundleVersion = change.value.bundle?.version ?? 0;
      const value = { version, bundleVersion };
      stream.write(encoded({ message: { $case: 'acknowledgement', value } }));
      resolve();
    },
    onEnd: (error) => reject(error ?? new Error('the stream was ended')),
  });
  scope.teardown(() => {
    stream.close();
    session.destroy();
  });
  // What has the value that protobuf gives to a field that is not there, is not sent.
  const value: Hello = {
    instanceId,
    softwareVersion: OLDER_VERSION,
    addresses: ['127.0.0.1'],
    hbonePort: await freePort(),
    ports: [8080],
    anyPort: false,
    resumeVersion: 0,
    role: '',
    metrics: undefined,
    localAllow: undefined,
    interest: undefined,
    interestVersion: 0,
    questionLevel: 0,
  };
  stream.write(encoded({ message: { $case: 'hello', value } }));
  await promise;
  return { instanceId, ignored };
}

function encoded(request: SyncRequest): Uint8Array {
  return SyncRequest.encode(request).finish();
}
