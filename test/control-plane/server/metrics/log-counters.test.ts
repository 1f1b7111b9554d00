import test from 'ava';
import { Registry } from 'prom-client';
import { createControlPlaneMetrics } from '../../../../control-plane/metrics.ts';
import { startAtZero } from '../../../../control-plane/server/metrics/known-series.ts';
import { countingLogger } from '../../../../control-plane/server/metrics/log-counters.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';

test('warnings and errors are counted and written, and files that cannot be used by what they are for', async (t) => {
  const registry = new Registry();
  const metrics = createControlPlaneMetrics(registry);
  startAtZero(metrics);
  const log = createLogRecorder();
  const logger = countingLogger(log.logger, metrics);
  logger.info({ event: 'ready' }, 'it is ready');
  logger.warn({ event: 'mesh-config-invalid' }, 'the file is wrong');
  logger.error({ event: 'upstream-issuer-refused' }, 'the issuer is wrong');
  logger.error('a sentence alone');
  const text = await registry.metrics();
  for (const line of [
    'hauberk_log_lines_total{level="warn"} 1',
    'hauberk_log_lines_total{level="error"} 2',
    'hauberk_reloads_refused_total{file="mesh-config"} 1',
    'hauberk_reloads_refused_total{file="issuer"} 1',
    'hauberk_reloads_refused_total{file="store-certificate"} 0',
  ]) {
    t.true(text.includes(`\n${line}\n`), line);
  }
  t.is(log.lines.length, 4);
});
