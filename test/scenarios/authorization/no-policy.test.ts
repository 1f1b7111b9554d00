/**
 * A control plane that knows nothing of policies, as an older one would: its sidecars refuse everybody
 * until they are given a policy, and take none that they do not understand.
 */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { type Sidecar, sidecarArguments, watchSidecar } from '../../helpers/mesh/mesh-sidecar.ts';
import { acknowledges, OPEN } from '../../helpers/mesh/sync-under-test.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { type SeenStream, startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';
import { toBundleMessage } from '../../../common/wire/bundle.ts';
import { formatJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { generateSecret } from '../../../common/pki/join-token/token-secret.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';

test('a sidecar without a policy refuses', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane();
  const { authority } = controlPlane;
  const app = await startHttpApp(t, 'api');
  const token = formatJoinToken({
    rootDigest: rootDigest(authority.root.certificate),
    id: 'abcdefgh',
    secret: generateSecret(),
  });
  const start = async (options: Parameters<typeof sidecarArguments>[0]) => {
    const args = sidecarArguments(options, `127.0.0.1:${controlPlane.port}`);
    const process = startHauberk(args, { env: { HAUBERK_TOKEN: token } });
    t.teardown(() => process.end('SIGKILL'));
    const stream = await controlPlane.nextStream();
    return { process, stream, options };
  };
  const tell = (stream: SeenStream, endpoints: object[], policy?: typeof OPEN): void =>
    stream.send({
      version: 1,
      change: {
        $case: 'snapshot',
        value: {
          endpoints: endpoints as never[],
          bundle: toBundleMessage(authority.bundle),
          revocations: undefined,
          federated: undefined,
          complete: undefined,
          departed: [],
          policy,
        },
      },
    });

  const api = await start({
    service: 'api',
    expose: [`8080=127.0.0.1:${app.port}`],
    stateDirectory: `${directory.path}/api`,
  });
  tell(api.stream, []);
  const { hbonePort }: Sidecar = await watchSidecar(api.process, {
    ...api.options,
    stateDirectory: `${directory.path}/api`,
  });
  const web = await start({
    service: 'web',
    upstreams: ['api:8080'],
    stateDirectory: `${directory.path}/web`,
  });
  const endpoint = {
    instanceId: 'api-1',
    spiffeId: 'spiffe://mesh.local/ns/default/sa/api',
    addresses: ['127.0.0.1'],
    hbonePort,
    ports: [8080],
    anyPort: false,
    allAddresses: [],
    contests: [],
  };
  tell(web.stream, [endpoint], OPEN);
  const { upstreamPorts } = await watchSidecar(web.process, {
    ...web.options,
    stateDirectory: `${directory.path}/web`,
  });
  const [port = 0] = upstreamPorts;
  const policyIs = (version: number, policy: typeof OPEN): void =>
    api.stream.send({
      version,
      change: {
        $case: 'delta',
        value: {
          upserted: [],
          removed: [],
          bundle: undefined,
          revocations: undefined,
          federated: undefined,
          complete: undefined,
          departed: [],
          policy,
        },
      },
    });

  await t.throwsAsync(getOnce(port));
  t.like(await api.process.logged('stream-refused'), { reason: 'denied-no-policy', status: 503 });

  policyIs(2, { ...OPEN, level: 99 });
  await api.process.logged('policy-refused');
  await t.throwsAsync(getOnce(port), undefined, 'what it does not understand opens nothing');

  policyIs(3, OPEN);
  await api.stream.until('an acknowledgement of the policy', acknowledges(3));
  t.is(api.stream.requests.filter(acknowledges(2)).length, 0, 'a policy that is not used');
  t.is(await eventually('web is let in', () => getOnce(port).catch(() => undefined)), 'api');
});
