/** A decision that is remembered is the one that would be made now. */
import test from 'ava';
import fc from 'fast-check';
import {
  authorize,
  type Policies,
  requestAuthorizer,
} from '../../../common/authorization/authorize.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';
import { OPEN_POLICY } from '../../../common/authorization/policy.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { DecisionCache } from '../../../proxy/policy/decision-cache.ts';
import { http, policy, request } from '../../common/authorization/arbitrary-policies.ts';

const id = (service: string) => spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service });
const closedTo = (service: string): Policies => ({
  mesh: OPEN_POLICY,
  local: localPolicy([{ port: 80, namespace: 'shop', service }]),
});

const keep = () => {
  const decisions = new DecisionCache();
  return (...of: Parameters<DecisionCache['decide']>) => decisions.decide(...of);
};

test('it decides as without a memory, for callers, doors and ports that come again and again', (t) => {
  fc.assert(
    fc.property(policy, fc.array(request, { minLength: 1, maxLength: 12 }), (mesh, requests) => {
      const policies = { mesh, local: localPolicy([]) };
      const decideOnce = keep();
      for (const { source, destination, port } of [...requests, ...requests]) {
        const knock = { source: spiffeId(source), destination: spiffeId(destination), port };
        t.deepEqual(decideOnce(knock, policies), authorize(knock, policies));
      }
    }),
    { numRuns: 500 },
  );
});

test('it decides about requests as without a memory, also when the policies change', (t) => {
  const asked = fc.array(fc.tuple(request, http), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(policy, policy, asked, (one, other, requests) => {
      const decisions = new DecisionCache();
      for (const mesh of [one, other, one]) {
        const policies = { mesh, local: localPolicy([]) };
        for (const [{ source, destination, port }, sent] of [...requests, ...requests]) {
          const caller = { source: spiffeId(source), destination: spiffeId(destination), port };
          const now = requestAuthorizer(caller, policies)(sent);
          t.deepEqual(decisions.decideRequest(caller, sent, policies), now);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('the same question is answered once, and under other policies anew', (t) => {
  const knock = { source: id('web'), destination: id('api'), port: 80 };
  const policies = closedTo('web');
  const decideOnce = keep();
  const first = decideOnce(knock, policies);
  t.true(first.allowed);
  t.is(decideOnce({ ...knock }, policies), first, 'the very same');
  t.like(decideOnce(knock, closedTo('job')), { allowed: false, reason: 'denied-caller' });
  t.like(decideOnce({ ...knock, source: id('job') }, policies), { allowed: false });
  t.true(decideOnce({ ...knock, source: id('job'), port: 81 }, policies).allowed);
  t.like(decideOnce(knock, { ...policies, mesh: undefined }), { reason: 'denied-no-policy' });
});

test('whoever tries every port is decided about, and not kept for ever', (t) => {
  const policies = closedTo('web');
  const decideOnce = keep();
  const stranger = { source: id('job'), destination: id('api') };
  const first = decideOnce({ ...stranger, port: 80 }, policies);
  for (let port = 81; port < 10_200; port += 1) {
    if (!decideOnce({ ...stranger, port }, policies).allowed) t.fail(`refused at ${port}`);
  }
  const again = decideOnce({ ...stranger, port: 80 }, policies);
  t.deepEqual(again, first);
  t.not(again, first, 'it was forgotten in between');
});
