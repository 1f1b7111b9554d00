/** What operators are told of the way to a server outside, without anybody calling it. */
import { spawnSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import {
  NO_EGRESS,
  type Egress,
  type EgressDestination,
} from '../../../common/authorization/egress.ts';
import { momentOf } from '../../../common/dates.ts';
import { createGuard } from '../../../common/guard.ts';
import { createEgressConditions, type EgressConditions } from '../../../proxy/egress/conditions.ts';
import { TrustMaterials } from '../../../proxy/egress/trust-material.ts';
import { createIdentitySource } from '../../../proxy/identity/mutable-source.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { filesFor, shows } from './outside-server.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

const mesh = createTestAuthority();
const web = mesh.workload('shop', 'web');
const ALLOWS = { fallback: 'mesh', rules: [] } as const;
const PLACE = { host: 'pay.example', port: 443 };

async function world(t: ExecutionContext) {
  const clock = createManualClock();
  const { cert, key } = shows(web);
  const root = mesh.root.certificate.toString();
  const files = await filesFor(t, { 'ca.pem': root, 'client.pem': cert, 'client.key': key });
  const [ca = '', certificate = '', clientKey = ''] = Object.values(files);
  const made: EgressDestination = {
    ...PLACE,
    hostname: PLACE.host,
    anchors: { kind: 'files', paths: [ca] },
    subjectAltNames: { hostnames: [], uris: [] },
    allowCommonName: false,
    clientCertificate: { kind: 'files', certificate, key: clientKey },
    minVersion: '1.2',
    alpn: [],
    preserveHost: true,
  };
  const policies = createPolicySource(web.spiffeId, ALLOWS);
  const source = createIdentitySource({
    spiffeId: web.spiffeId,
    privateKey: web.privateKey,
    chain: web.chain,
    bundle: mesh.bundle,
    received: momentOf(clock),
    lifetimeMs: 3_600_000,
  });
  const conditions = createEgressConditions({
    clock,
    guard: createGuard({ clock, logger: createLogRecorder().logger }),
    policies,
    self: web.spiffeId,
    trust: new TrustMaterials({ source, policies }),
  });
  t.teardown(() => conditions.close());
  const say = (egress: Partial<Egress>): void =>
    policies.set({
      configVersion: 1,
      policy: ALLOWS,
      egress: { ...NO_EGRESS, ...egress },
      routes: NO_ROUTES,
    });
  return { clock, conditions, say, made, ca, clientKey, root };
}

async function becomes(conditions: EgressConditions, expected: string): Promise<string> {
  return await eventually(`it is ${expected}`, () => {
    const [state] = conditions.summary();
    return state?.condition === expected ? state.why : undefined;
  });
}

test('each change of the policy is looked at', async (t) => {
  const { conditions, say, made } = await world(t);
  t.deepEqual(conditions.summary(), [], 'nobody has a way there');
  conditions.carries('listeners', [PLACE]);
  t.like(conditions.summary(), [{ ...PLACE, condition: 'unchecked' }]);
  t.regex(await becomes(conditions, 'no-egress-policy'), /no policy of the mesh yet/);
  say({ destinations: [made] });
  t.is(await becomes(conditions, 'ready'), '');
  say({ destinations: [made], allowances: [] });
  t.regex(await becomes(conditions, 'egress-not-allowed'), /may not call pay\.example:443/);
  say({});
  t.regex(await becomes(conditions, 'no-egress-policy'), /no policy for pay\.example:443/);
});

test('a policy that replaces the Host stands in the way of bytes, and of no route', async (t) => {
  const { conditions, say, made } = await world(t);
  conditions.carries('routes', [PLACE]);
  say({ destinations: [{ ...made, preserveHost: false }] });
  await becomes(conditions, 'ready');
  conditions.carries('listeners', [PLACE]);
  t.regex(await becomes(conditions, 'needs-gateway'), /replaces the Host of requests/);
  conditions.carries('listeners', []);
  await becomes(conditions, 'ready');
});

test('two policies for one target contradict each other', async (t) => {
  const { conditions, say, made } = await world(t);
  conditions.carries('listeners', [PLACE]);
  say({ destinations: [made, { ...made, hostname: 'evil.example' }] });
  t.regex(await becomes(conditions, 'conflicted'), /2 policies for pay\.example:443 contradict/);
  say({ destinations: [made] });
  await becomes(conditions, 'ready');
});

test('files that go and come are noticed', async (t) => {
  const { clock, conditions, say, made, ca, clientKey, root } = await world(t);
  conditions.carries('routes', [PLACE]);
  say({ destinations: [made] });
  await becomes(conditions, 'ready');
  const laterBecomes = async (expected: string): Promise<string> => {
    const isPlanned = (): true | undefined => clock.pending.length > 0 || undefined;
    await eventually('the next look is planned', isPlanned);
    await clock.advance(5_000);
    // The condition may stay the same while the reason changes.
    await eventually('this look is over', isPlanned);
    return await becomes(conditions, expected);
  };
  await rm(ca);
  t.regex(
    await laterBecomes('ca-unavailable'),
    /ca\.pem cannot be read: no such file or directory \(ENOENT\)/,
  );
  spawnSync('mkfifo', [ca]);
  t.regex(await laterBecomes('ca-unavailable'), /ca\.pem cannot be read: it is not a file/);
  await rm(ca);
  await writeFile(ca, root);
  await laterBecomes('ready');
  await writeFile(clientKey, '');
  t.regex(await laterBecomes('client-key-unavailable'), /expected a certificate in .* and a key/);
});

test('how the last call failed counts until one succeeds, or the policy changes', async (t) => {
  const { conditions, say, made } = await world(t);
  conditions.carries('listeners', [PLACE]);
  say({ destinations: [made] });
  await becomes(conditions, 'ready');
  conditions.failed(PLACE, 'unknown-ca', 'it is another one');
  t.like(conditions.summary(), [{ condition: 'unknown-ca', why: 'it is another one' }]);
  conditions.failed(PLACE, 'aborted', 'nobody waits');
  t.like(conditions.summary(), [{ condition: 'unknown-ca' }]);
  conditions.opened(PLACE);
  t.like(conditions.summary(), [{ condition: 'ready' }]);
  conditions.failed(PLACE, 'expired', 'long ago');
  say({ destinations: [made] });
  await becomes(conditions, 'ready');
  conditions.carries('routes', [PLACE, { host: 'other.example', port: 443 }]);
  t.is(conditions.summary().length, 2, 'a target that two lead to is one');
  conditions.carries('routes', []);
  t.is(conditions.summary().length, 1);
});
