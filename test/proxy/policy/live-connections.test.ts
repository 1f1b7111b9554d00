import test from 'ava';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import type { Policy } from '../../../common/authorization/policy.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { LiveConnections } from '../../../proxy/policy/live-connections.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

const self = { trustDomain: 'mesh.local', namespace: 'shop', service: 'api' };
const OPEN = readMeshConfig('', 'mesh.yaml').authorization;

function rig() {
  const source = createPolicySource(self, localPolicy([]));
  const live = new LiveConnections<'closed'>(source);
  const cuts: string[] = [];
  return {
    source,
    live,
    cuts,
    change: (policy: Policy) =>
      source.set({ configVersion: 1, policy, egress: NO_EGRESS, routes: NO_ROUTES }),
    connection: (name: string, isAllowed: () => boolean) => ({
      reauthorize: () =>
        isAllowed() ? undefined : { reason: 'closed' as const, why: 'it is closed' },
      terminate: ({ reason }: { reason: 'closed' }) => void cuts.push(`${name} ${reason}`),
    }),
  };
}

test('a change cuts what may not go on, once, and leaves the others alone', (t) => {
  const { live, cuts, change, connection } = rig();
  let open = true;
  live.add(connection('a', () => open));
  live.add(connection('b', () => true));
  change(OPEN);
  t.deepEqual(cuts, []);
  open = false;
  change(OPEN);
  t.deepEqual(cuts, ['a closed']);
  change(OPEN);
  t.deepEqual(cuts, ['a closed'], 'it is gone already');
});

test('a connection that has ended is judged no more', (t) => {
  const { live, cuts, change, connection } = rig();
  const leave = live.add(connection('a', () => false));
  leave();
  change(OPEN);
  t.deepEqual(cuts, []);
});

test('cutting one may end another', (t) => {
  const { live, cuts, change, connection } = rig();
  const one = connection('a', () => false);
  let leave = (): void => undefined;
  live.add({ ...one, terminate: (cut) => (one.terminate(cut), leave()) });
  leave = live.add(connection('b', () => false));
  change(OPEN);
  t.deepEqual(cuts, ['a closed']);
});

test('neither a listener nor a connection that throws keeps another from being cut', (t) => {
  const { source, live, cuts, change, connection } = rig();
  let open = true;
  const mistaken = () => {
    throw new TypeError('a mistake');
  };
  live.add({ ...connection('a', () => open), terminate: mistaken });
  live.add(connection('b', () => open));
  const later = new LiveConnections<'closed'>(source);
  later.add(connection('c', () => open));
  open = false;
  t.throws(() => change(OPEN), { message: 'a mistake' });
  t.deepEqual(cuts, ['b closed', 'c closed']);
});
