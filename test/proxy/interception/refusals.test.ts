import test from 'ava';
import { Registry } from 'prom-client';
import { createRefusals } from '../../../proxy/interception/refusals.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';

test('every refusal is counted, and one a second is logged for each reason', async (t) => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry);
  const clock = createManualClock();
  const log = createLogRecorder();
  const refuse = createRefusals({ clock, logger: log.logger, metrics });
  const scan = (reason: string): void =>
    refuse({ direction: 'inbound', reason, place: '192.0.2.1', sentence: `refused: ${reason}` });
  for (let count = 0; count < 100; count += 1) scan('plaintext');
  scan('own-port');
  await clock.advance(1_000);
  scan('plaintext');
  t.deepEqual(
    log.of('capture-refused').map(({ reason, suppressed }) => [reason, suppressed]),
    [
      ['plaintext', 0],
      ['own-port', 0],
      ['plaintext', 99],
    ],
  );
  const samples = parseMetrics(await registry.metrics());
  const labels = { direction: 'inbound', peer: 'unknown', reason: 'plaintext' };
  t.is(samples.sum('hauberk_connections_failed_total', labels), 101);
});
