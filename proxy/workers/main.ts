import { systemClock } from '../../common/clock.ts';
import { catchUnguarded } from '../../common/guard.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { createWorker } from '../wiring/worker.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** Says something to the primary; one that is gone ends this process anyway. */
async function send(message: FromWorker): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (process.send === undefined) resolve();
  else process.send(message, undefined, undefined, () => resolve());
  await promise;
}

if (process.send === undefined) {
  process.stderr.write(
    'hauberk: hauberk proxy --workers starts workers; do not start one by hand\n',
  );
  process.exit(EXIT_CODE.usage);
}

const worker = createWorker({
  clock: systemClock,
  random: Math.random,
  send,
  // Ends with the process. A worker that cannot begin says so, and is started again.
  onGuard: (guard) => catchUnguarded(guard).serving(),
});
// A terminal sends its signals to the whole group, but the primary is the one who ends workers.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {});
process.on('message', (message) => worker.receive(message as ToWorker));
// The primary was killed: revocations would not be applied any more.
process.on('exit', () => worker.abandon());
try {
  await worker.ended;
  process.exit(EXIT_CODE.ok);
} catch {
  // The primary says what it was.
  process.exit(EXIT_CODE.failed);
}
