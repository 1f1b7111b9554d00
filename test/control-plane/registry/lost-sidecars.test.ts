import test from 'ava';
import { countLost } from '../../../control-plane/registry/lost-sidecars.ts';
import type { KnownSidecar } from '../../../control-plane/registry/known-sidecars.ts';

type State = Pick<KnownSidecar, 'connected' | 'expected' | 'left'>;
const HERE: State = { connected: true, expected: true, left: false };
const LOST: State = { connected: false, expected: false, left: false };
const SOON_BACK: State = { connected: false, expected: true, left: false };
const LEFT: State = { connected: false, expected: false, left: true };

function count(...sidecars: readonly (readonly [service: string, State])[]) {
  const known = sidecars.map(([service, state]) =>
    Object.assign({ record: { spiffeId: `spiffe://mesh.local/ns/shop/sa/${service}` } }, state),
  );
  return countLost(known as unknown as readonly KnownSidecar[]);
}

test('a sidecar is lost when it is away without a Goodbye, and its service when it was the last', (t) => {
  t.deepEqual(count(['api', HERE], ['api', LOST]), { sidecars: 1, services: 0 });
  t.deepEqual(count(['api', LOST], ['api', LOST], ['web', HERE]), { sidecars: 2, services: 1 });
  t.deepEqual(count(['api', SOON_BACK], ['web', LEFT]), { sidecars: 0, services: 0 });
});
