import type { MonotonicClock } from '../../../common/clock.ts';
import {
  END_OF_STREAM,
  handleOf,
  type Runtime,
  socketOf,
  type SocketName,
  type TcpHandle,
  type WriteRequest,
  type WriteResult,
} from './runtime.ts';

/** Both ends are in this process: a few turns of the event loop, which a machine that is busy may keep waiting. */
const TRIAL_MS = 5_000;

const QUESTION = Buffer.from('question');
const ANSWER = [Buffer.from('ans'), Buffer.from('wer')] as const;

/**
 * Carries a question and an answer between two handles of this process, in every way that this room does, and looks at
 * each step:
 *
 *     connect, and write before it is connected   a request, which is completed later, and keeps its memory
 *     accept                                      a handle, of which a socket of Node.js can be made
 *     read                                        into our memory, its length in the state
 *     write, and several chunks at once           0: the system has taken them within the call
 *     shutdown                                    is completed, and read as an end
 *     reset                                       closes it, and is read as an error
 *
 * @returns what was not as expected
 */
export async function tryHandles(
  runtime: Runtime,
  clock: MonotonicClock,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const deadline = clock.after(TRIAL_MS, () => resolve(`no end after ${TRIAL_MS} ms`));
  const trial = new Trial(runtime, resolve);
  try {
    trial.begin();
    return await promise;
  } catch (error) {
    return String(error);
  } finally {
    deadline.cancel();
    trial.close();
  }
}

class Trial {
  readonly #runtime: Runtime;
  readonly #done: (problem: string | undefined) => void;
  readonly #open = new Set<TcpHandle>();
  readonly #completed = { connect: false, write: false, shutdown: false };

  constructor(runtime: Runtime, done: (problem: string | undefined) => void) {
    this.#runtime = runtime;
    this.#done = done;
  }

  begin(): void {
    const { TCP, TCPConnectWrap, constants } = this.#runtime;
    const listener = this.#opened(new TCP(constants.SERVER));
    const name: SocketName = {};
    this.#expect('bind', listener.bind('127.0.0.1', 0) === 0);
    this.#expect('listen', listener.listen(1) === 0);
    this.#expect('getsockname', listener.getsockname(name) === 0 && name.port !== undefined);
    listener.onconnection = this.#guarded((status: number, handle?: TcpHandle) =>
      this.#accepted(status, handle),
    );
    const client = this.#opened(new TCP(constants.SOCKET));
    const request = new TCPConnectWrap();
    request.oncomplete = (status) => void (this.#completed.connect = status === 0);
    this.#expect('connect', client.connect(request, '127.0.0.1', name.port ?? 0) === 0);
    const write = client.writeBuffer(null, QUESTION);
    this.#expect('a request for a write that waits', this.#waits(write));
    write.buffer = QUESTION;
    write.oncomplete = (status) => void (this.#completed.write = status === 0);
    let answer = '';
    this.#read(client, (length, bytes) => {
      answer += bytes;
      if (length === END_OF_STREAM) this.#answered(client, answer);
    });
  }

  close(): void {
    for (const handle of this.#open) handle.close(() => {});
  }

  #accepted(status: number, handle: TcpHandle | undefined): void {
    this.#expect('a handle that is accepted', handle instanceof this.#runtime.TCP && status === 0);
    const side = this.#opened(handle);
    const name: SocketName = {};
    this.#expect('getpeername', side.getpeername(name) === 0 && name.address === '127.0.0.1');
    this.#expect('fd', side.fd >= 0);
    this.#expect('setNoDelay', side.setNoDelay(true) === 0 && side.setKeepAlive(true, 60) === 0);
    const socket = socketOf(side);
    this.#expect('a socket of it', handleOf(socket) === side && socket.isPaused());
    this.#read(side, (length, bytes) => {
      if (length < 0) return this.#broken(length);
      this.#expect('what was written', bytes === QUESTION.toString());
      this.#expect('a write in one call', side.writeBuffer(null, ANSWER[0]) === 0);
      this.#expect('a write of several', side.writev(null, [ANSWER[1]], true) === 0);
      const request = new this.#runtime.ShutdownWrap();
      request.oncomplete = (ended) => void (this.#completed.shutdown = ended === 0);
      this.#expect('shutdown', side.shutdown(request) === 0);
    });
  }

  #answered(client: TcpHandle, answer: string): void {
    this.#expect('an answer', answer === ANSWER.join(''));
    this.#open.delete(client);
    const closed = this.#guarded(() => this.#expect('a closed handle', client.fd < 0));
    this.#expect('reset', client.reset(closed) === 0);
  }

  #broken(length: number): void {
    this.#expect('an error', length !== END_OF_STREAM);
    for (const [what, isDone] of Object.entries(this.#completed)) {
      this.#expect(`${what} is completed`, isDone);
    }
    this.#done(undefined);
  }

  #read(handle: TcpHandle, onRead: (length: number, bytes: string) => void): void {
    const { streamBaseState, kReadBytesOrError } = this.#runtime;
    const buffer = Buffer.alloc(64);
    handle.useUserBuffer(buffer);
    handle.onread = this.#guarded(() => {
      const length = streamBaseState[kReadBytesOrError] ?? 0;
      onRead(length, length > 0 ? buffer.toString('utf8', 0, length) : '');
    });
    this.#expect('readStart', handle.readStart() === 0);
  }

  #waits(write: WriteResult): write is WriteRequest {
    if (typeof write === 'number' || write.writeStatus !== null) return false;
    return this.#runtime.streamBaseState[this.#runtime.kLastWriteErr] === 0;
  }

  #opened(handle: TcpHandle): TcpHandle {
    this.#open.add(handle);
    return handle;
  }

  #guarded<Values extends unknown[]>(call: (...values: Values) => void) {
    return (...values: Values): void => {
      try {
        call(...values);
      } catch (error) {
        this.#done(String(error));
      }
    };
  }

  #expect(what: string, isSo: boolean): asserts isSo {
    if (!isSo) throw new Error(`expected ${what}`);
  }
}
