// How soon a sidecar without a stream tries again, by what has become of its tries.
import test from 'ava';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { retryMs } from '../../../../proxy/discovery/sync/retry.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { targetsOf } from '../../../helpers/targets.ts';

const A = { host: '10.0.0.1', port: 15_012 };
const B = { host: '10.0.0.2', port: 15_012 };
const LONGEST = (): number => 0.999;

test('the next control plane is tried at once, and each again with longer and longer pauses', async (t) => {
  const targets = await targetsOf([A, B], createManualClock());
  const waits = [A, B, A, B, A, B, A, B].map((target, tries) => {
    targets.failed(target, new RpcError('unreachable', 'connection refused'));
    return Math.round(retryMs(tries + 1, targets, LONGEST) / 500);
  });
  t.deepEqual(waits, [1, 1, 2, 2, 4, 4, 8, 8]);
});

for (const code of ['identity-revoked', 'instance-taken', 'request-malformed'] as const) {
  test(`a sidecar that is refused as ${code} does not knock again and again`, async (t) => {
    for (const addresses of [[A], [A, B]]) {
      const targets = await targetsOf(addresses, createManualClock());
      const waits = Array.from({ length: 12 }, (_, tries) => {
        targets.failed(targets.pick(), new RpcError(code, 'refused'));
        return retryMs(tries + 1, targets, LONGEST);
      });
      t.true((waits.at(-1) ?? 0) > 9_000, waits.join());
    }
  });
}
