import { within } from '../deadline.ts';
import type { HauberkProcess } from '../mesh/hauberk-process.ts';

/** Environment for a process whose memory is to be measured: its inspector, on a port of its own. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const;

/** What the inspector answers to `Runtime.evaluate`. */
interface Evaluation {
  readonly id: number;
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

/**
 * Bytes that the process cannot let go of: heap and buffers after a full collection of garbage. The
 * resident set would tell less, because the allocator keeps what it once had.
 *
 * The process must have been started with `INSPECTED`.
 */
export async function retainedBytes(process: HauberkProcess): Promise<number> {
  const url = /ws:\/\/127\.0\.0\.1:\S+/.exec(process.output())?.[0];
  if (url === undefined) throw new Error('the process was not started with its inspector');
  const socket = new WebSocket(url);
  try {
    await within('the inspector answers', event(socket, 'open'));
    const expression = `
      const { heapUsed, external } = process.memoryUsage();
      heapUsed + external;`;
    // Twice: what finalizers let go of after the first is collected by the second.
    await ask(socket, 'HeapProfiler.collectGarbage');
    await ask(socket, 'HeapProfiler.collectGarbage');
    const answer = await ask(socket, 'Runtime.evaluate', { expression: `{${expression}}` });
    return Number(answer.result?.result?.value);
  } finally {
    socket.close();
  }
}

let lastId = 0;

async function ask(socket: WebSocket, method: string, params: object = {}): Promise<Evaluation> {
  lastId += 1;
  const id = lastId;
  const { promise, resolve } = Promise.withResolvers<Evaluation>();
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data)) as Evaluation;
    if (answer.id === id) resolve(answer);
  });
  socket.send(JSON.stringify({ id, method, params }));
  return await within(`the inspector answers ${method}`, promise);
}

function event(socket: WebSocket, name: 'open'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(name, () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error('no inspector')), { once: true });
  });
}
