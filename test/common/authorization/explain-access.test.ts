// What operators are told is what the sidecars decide, sidecar by sidecar.
import test from 'ava';
import fc from 'fast-check';
import { authorize } from '../../../common/authorization/authorize.ts';
import { describeAccess } from '../../../common/authorization/describe-access.ts';
import {
  type AccessExplanation,
  type Enforcer,
  explainAccess,
} from '../../../common/authorization/explain-access.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';
import { OPEN_POLICY, type Policy } from '../../../common/authorization/policy.ts';
import { whoCanReach } from '../../../common/authorization/who-can-reach.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { readPolicy, toPolicyMessage } from '../../../common/wire/policy.ts';
import { readHello } from '../../../control-plane/api/sync/hello.ts';
import {
  decodeSidecar,
  encodeSidecar,
  sidecarKey,
} from '../../../control-plane/registry/sidecar-record.ts';
import { type LocalAllowance, SyncRequest } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { FROM_NOTHING, helloMessage } from '../../../proxy/discovery/sync/messages.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import { label, policy, port, request } from './arbitrary-policies.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

type Verdict = AccessExplanation['verdict'];
const CLOSED: Policy = { fallback: 'none', rules: [] };
const inShop = (service: string) => spiffeId({ trustDomain: 'mesh', namespace: 'shop', service });
const ask = (source: string) => ({
  source: inShop(source),
  destination: inShop('api'),
  port: 8080,
});
const keeper = (instanceId: string, ...services: string[]): Enforcer => ({
  instanceId,
  localAllow: {
    allowances: services.map((service) => ({ port: 8080, namespace: 'shop', service })),
  },
});
const silent: Enforcer = { instanceId: 'old', localAllow: undefined };

type Row = [string, Policy, string, Enforcer[], Verdict, (boolean | undefined)[]];
const verdicts: readonly Row[] = [
  ['no sidecar', OPEN_POLICY, 'web', [], 'allowed', []],
  ['no sidecar, and a closed mesh', CLOSED, 'web', [], 'refused', []],
  ['no flag', OPEN_POLICY, 'web', [keeper('a')], 'allowed', [true]],
  ['a flag that names the caller', OPEN_POLICY, 'web', [keeper('a', 'web')], 'allowed', [true]],
  ['a flag that names others', OPEN_POLICY, 'web', [keeper('a', 'job')], 'refused', [false]],
  [
    'sidecars that differ',
    OPEN_POLICY,
    'web',
    [keeper('a', 'job'), keeper('b', 'job', 'web')],
    'differs',
    [false, true],
  ],
  ['a sidecar that does not tell', OPEN_POLICY, 'web', [silent], 'unknown', [undefined]],
  [
    'one that does not tell beside one that allows',
    OPEN_POLICY,
    'web',
    [keeper('a'), silent],
    'unknown',
    [true, undefined],
  ],
  [
    'one that does not tell beside one that refuses',
    OPEN_POLICY,
    'web',
    [keeper('a', 'job'), silent],
    'unknown',
    [false, undefined],
  ],
  [
    'what the mesh refuses no flag opens, told or not',
    CLOSED,
    'web',
    [keeper('a', 'web'), silent],
    'refused',
    [false, false],
  ],
];
for (const [what, of, source, enforcers, verdict, each] of verdicts) {
  test(`${what}: ${verdict}`, (t) => {
    const access = explainAccess(of, ask(source), enforcers);
    t.is(access.verdict, verdict);
    t.deepEqual(
      access.endpoints.map(({ decision }) => decision?.allowed),
      each,
    );
  });
}

test('it says which sidecar refuses, and by which flag', (t) => {
  const access = explainAccess(OPEN_POLICY, ask('web'), [keeper('a', 'job'), keeper('b', 'web')]);
  t.like(access.endpoints[0], {
    instanceId: 'a',
    decision: { allowed: false, reason: 'denied-caller', rules: ['--allow 8080=job.shop'] },
    why: 'the rule --allow 8080=job.shop allows other callers only',
  });
  t.like(access.endpoints[1], {
    why: 'no rule applies, and the default allows workloads of the mesh, and the rule --allow 8080=web.shop allows it too',
  });
  const old = Array.from({ length: 7 }, (_, at) => ({ ...silent, instanceId: `old-${at}` }));
  t.regex(
    describeAccess(explainAccess(OPEN_POLICY, ask('web'), old)),
    /do not report it: old-0, old-1, old-2, old-3, old-4 and 2 more$/,
  );
  t.regex(describeAccess(access), /, but 1 of 2 sidecars refuse it by their --allow: a$/);
});

test('who can reach a port that --allow closes: those whom it names', (t) => {
  const { destination, port: at } = ask('web');
  const reach = (...enforcers: Enforcer[]) =>
    whoCanReach(OPEN_POLICY, { destination, port: at }, { known: [inShop('web')], enforcers });
  const names = (found: ReturnType<typeof reach>) =>
    found.callers.map(({ identity, access }) => `${identity.service} ${access.verdict}`);
  const closed = reach(keeper('a', 'job'));
  t.deepEqual([names(closed), closed.everyOther], [['job allowed'], 'refused']);
  const partly = reach(keeper('a', 'job'), keeper('b'));
  t.deepEqual(
    [names(partly), partly.everyOther],
    [['job allowed', 'web differs'], 'differs'],
    'and all, at a sidecar without the flag',
  );
  const old = reach(silent);
  t.deepEqual([names(old), old.everyOther], [['web unknown'], 'unknown']);
});

test('a name with a wildcard is not open where each sidecar names its callers', (t) => {
  const open: Policy = {
    fallback: 'none',
    rules: [
      {
        name: 'jobs',
        action: 'allow',
        audit: false,
        to: [{ kind: 'everybody' }],
        ports: [],
        from: [
          {
            kind: 'named',
            trustDomain: undefined,
            namespace: { text: 'shop', open: false },
            service: { text: 'job', open: true },
          },
        ],
      },
    ],
  };
  const { destination } = ask('web');
  const names = (...enforcers: Enforcer[]) =>
    whoCanReach(open, { destination, port: 8080 }, { known: [], enforcers }).openNames.length;
  t.is(names(), 1);
  t.is(names(keeper('a', 'job-1')), 0);
  t.is(names(keeper('a', 'job-1'), keeper('b')), 1);
  t.is(names(keeper('a', 'job-1'), silent), 1);
});

const allowances = fc.array(fc.record({ port, namespace: label, service: label }), {
  maxLength: 4,
});

test('what is explained is what the sidecars decide, with what each was told', (t) => {
  fc.assert(
    fc.property(
      policy,
      request,
      fc.array(allowances, { minLength: 1, maxLength: 3 }),
      (any, asked, told) => {
        const sidecars = told.map((allow) => {
          // As proxy.ts does: its own part of the policy that came, and what it was started with.
          const source = createPolicySource(asked.destination, localPolicy(allow));
          const message = toPolicyMessage({
            configVersion: 1,
            policy: any,
            egress: NO_EGRESS,
            routes: NO_ROUTES,
          });
          source.set(readPolicy(message));
          return authorize(asked, source.current());
        });
        const enforcers = told.map((allow, at) => announced(`api-${at}`, allow));
        const access = explainAccess(any, asked, enforcers);
        t.deepEqual(
          access.endpoints.map(({ decision }) => decision),
          sidecars,
        );
        const allowed = new Set(sidecars.map((one) => one.allowed));
        const [only = false] = allowed;
        t.is(access.verdict, allowed.size === 2 ? 'differs' : only ? 'allowed' : 'refused');
      },
    ),
    { numRuns: 2_000 },
  );
});

/** As it comes out of the store, after it went over the wire. */
function announced(instanceId: string, allow: readonly LocalAllowance[]): Enforcer {
  const place = { addresses: ['10.0.0.1'], hbonePort: 15_008, ports: [80], anyPort: false };
  const sent = helloMessage({ instanceId, softwareVersion: '1', allow }, place, FROM_NOTHING);
  const { message } = SyncRequest.decode(SyncRequest.encode(sent).finish());
  if (message?.$case !== 'hello') throw new Error('expected a Hello');
  const record = readHello(message.value, inShop('api'), ['10.0.0.1']);
  const value = encodeSidecar(record);
  const entry = { key: sidecarKey(instanceId), value, createRevision: 1, modRevision: 1 };
  const { allow: kept } = decodeSidecar(entry);
  return { instanceId, localAllow: kept && { allowances: kept } };
}
