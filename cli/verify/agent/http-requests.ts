import { connect } from 'node:net';
import { describeError } from '../../../common/errors.ts';
import { formatHostPort } from '../../../common/listen.ts';
import type { AgentTask, CanaryOutcome } from './agent-task.ts';

/** A server may have to think; it may not sleep. */
const SILENCE_MS = 10_000;

/** The beginning of an answer: long enough that nothing else on the wire is the same by chance. */
const ANSWER_BYTES = 256;

/** What the server answered, besides how often; each is the beginning of an answer in latin1. */
export interface RequestOutcome extends CanaryOutcome {
  readonly answers: readonly string[];
}

/**
 * Sends HTTP requests with the canary in the path, each on a connection of its own, to a server that
 * need not know of it: an answer of any status will do. Never rejects.
 */
export async function sendHttpRequests(
  task: Extract<AgentTask, { kind: 'request' }>,
): Promise<RequestOutcome> {
  const exchanges: Exchange[] = [];
  for (let count = 0; count < task.requests; count += 1) {
    const latest = await exchange(task);
    exchanges.push(latest);
    // One that fails proves enough, and may have taken its time.
    if (latest.failure !== undefined) break;
  }
  const answered = exchanges.filter(({ answer }) => /^HTTP\/1\.[01] \d{3} /.test(answer));
  return {
    sent: exchanges.length,
    answered: answered.length,
    bytesThere: exchanges.reduce((total, { bytesThere }) => total + bytesThere, 0),
    bytesBack: exchanges.reduce((total, { bytesBack }) => total + bytesBack, 0),
    failure: exchanges.find(({ failure }) => failure !== undefined)?.failure,
    answers: answered.map(({ answer }) => answer.slice(0, ANSWER_BYTES)),
  };
}

interface Exchange {
  readonly answer: string;
  readonly bytesThere: number;
  readonly bytesBack: number;
  readonly failure: string | undefined;
}

async function exchange({ host, port, canary }: Extract<AgentTask, { kind: 'request' }>) {
  const socket = connect({ host, port, noDelay: true, timeout: SILENCE_MS });
  let failure: string | undefined;
  let answer = '';
  socket.on('timeout', () => socket.destroy(new Error(`no answer for ${SILENCE_MS / 1_000} s`)));
  socket.on('error', (error) => {
    failure = describeError(error);
  });
  socket.setEncoding('latin1').on('data', (text: string) => {
    if (answer.length < ANSWER_BYTES) answer += text;
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(
    `GET /${canary} HTTP/1.1\r\nHost: ${formatHostPort(host, port)}\r\n` +
      'User-Agent: hauberk-verify\r\nAccept: */*\r\nConnection: close\r\n\r\n',
  );
  await closed;
  if (answer === '') failure ??= 'the connection was closed without an answer';
  const { bytesWritten, bytesRead } = socket;
  return { answer, bytesThere: bytesWritten, bytesBack: bytesRead, failure } satisfies Exchange;
}
