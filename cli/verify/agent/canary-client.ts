import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describeError } from '../../../common/errors.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { AgentTask, CanaryOutcome } from './agent-task.ts';
import { messageWith } from './message.ts';

/** A mesh answers within milliseconds; a lost packet is sent again within a second. */
const SILENCE_MS = 10_000;

/**
 * Calls the canary server like any application, in plaintext and without knowing of a mesh: message,
 * answer, message, answer. Never rejects.
 */
export async function callCanaryServer(
  task: Extract<AgentTask, { kind: 'call' }>,
): Promise<CanaryOutcome> {
  const { address, port, canaries, messages } = task;
  const socket = connect({ host: address, port, noDelay: true, timeout: SILENCE_MS });
  socket.on('timeout', () => socket.destroy(new Error(`no answer for ${SILENCE_MS / 1_000} s`)));
  let failure: string | undefined;
  socket.on('error', (error) => {
    failure = describeError(error);
  });
  let sent = 0;
  let answered = 0;
  const send = (): void => {
    sent += 1;
    socket.write(messageWith(canaries.there));
  };
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.once('connect', send);
  createInterface({ input: socket })
    .on('line', (line) => {
      if (line.startsWith(canaries.back)) answered += 1;
      if (sent < messages) send();
      else socket.end();
    })
    // The error of the socket is told above.
    .on('error', ignoreError);
  await closed;
  if (answered < messages) failure ??= 'the connection was closed';
  const { bytesWritten, bytesRead } = socket;
  return { sent, answered, bytesThere: bytesWritten, bytesBack: bytesRead, failure };
}
