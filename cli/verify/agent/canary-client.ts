import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describeError } from '../../../common/errors.ts';
import { ignoreError } from '../../../common/ignored.ts';
import { formatHostPort } from '../../../common/network/listen.ts';
import type { AgentTask, CanaryOutcome } from './agent-task.ts';
import { messageWith } from './message.ts';

/** A mesh answers within milliseconds, a lost packet is sent again within a second, and a server may think. */
const SILENCE_MS = 10_000;

/** What a connection has carried, and what ended it early. */
type Carried = Pick<CanaryOutcome, 'bytesThere' | 'bytesBack' | 'failure'>;

/** Connects like any application: in plaintext, and without knowing of a mesh. */
function connectPlainly(host: string, port: number) {
  const socket = connect({ host, port, noDelay: true, timeout: SILENCE_MS });
  let failure: string | undefined;
  socket.on('timeout', () => socket.destroy(new Error(`no answer for ${SILENCE_MS / 1_000} s`)));
  socket.on('error', (error) => {
    failure = describeError(error);
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  /** Resolves when it is closed; `missing` is what failed then, when nothing else has. */
  const carried = async (missing: () => string | undefined): Promise<Carried> => {
    await closed;
    const { bytesWritten: bytesThere, bytesRead: bytesBack } = socket;
    return { bytesThere, bytesBack, failure: failure ?? missing() };
  };
  return { socket, carried };
}

/** Calls the canary server: message, answer, message, answer. Never rejects. */
export async function callCanaryServer(
  task: Extract<AgentTask, { kind: 'call' }>,
): Promise<CanaryOutcome> {
  const { address, port, canaries, messages } = task;
  const { socket, carried } = connectPlainly(address, port);
  let sent = 0;
  let answered = 0;
  const send = (): void => {
    sent += 1;
    socket.write(messageWith(canaries.there));
  };
  socket.once('connect', send);
  createInterface({ input: socket })
    .on('line', (line) => {
      if (line.startsWith(canaries.back)) answered += 1;
      if (sent < messages) send();
      else socket.end();
    })
    // The error of the socket is told above.
    .on('error', ignoreError);
  const isShort = (): boolean => answered < messages;
  const outcome = await carried(() => (isShort() ? 'the connection was closed' : undefined));
  return { sent, answered, ...outcome };
}

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
  const exchanges: (Carried & { readonly answer: string })[] = [];
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

async function exchange({ host, port, canary }: Extract<AgentTask, { kind: 'request' }>) {
  const { socket, carried } = connectPlainly(host, port);
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    if (answer.length < ANSWER_BYTES) answer += text;
  });
  socket.write(
    `GET /${canary} HTTP/1.1\r\nHost: ${formatHostPort(host, port)}\r\n` +
      'User-Agent: hauberk-verify\r\nAccept: */*\r\nConnection: close\r\n\r\n',
  );
  const silent = 'the connection was closed without an answer';
  return { ...(await carried(() => (answer === '' ? silent : undefined))), answer };
}
