import type { MonotonicClock } from '../../../common/clock.ts';
import {
  END_OF_STREAM,
  handleOf,
  type Runtime,
  socketOf,
  type SocketName,
  statusOf,
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
 *     connect by IPv6                             the same, where the machine has it
 *     accept                                      a handle, of which a socket of Node.js can be made
 *     read                                        into our memory, its length in the state
 *     stop reading, and read on                   what comes meanwhile comes after it
 *     write, and several chunks at once           0: the system has taken them within the call
 *     shutdown                                    is completed, and read as an end
 *     reset                                       closes it, and is read as an error
 *     write after that                            fails, within the call
 *     close                                       is told of
 *
 * Each callback has what it belongs to as its `this`. Not tried: a write that fails later, and a reset that is refused.
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
  /** What is yet to be completed. */
  readonly #pending = new Set<string>();

  constructor(runtime: Runtime, done: (problem: string | undefined) => void) {
    this.#runtime = runtime;
    this.#done = done;
  }

  begin(): void {
    const { TCP, TCPConnectWrap, constants } = this.#runtime;
    const listener = this.#opened(new TCP(constants.SERVER));
    const name: SocketName = {};
    this.#expect('bind', listener.bind('127.0.0.1', 0) === 0);
    this.#expect('listen', listener.listen(2) === 0);
    this.#expect('getsockname', listener.getsockname(name) === 0 && name.port !== undefined);
    listener.onconnection = this.#guarded(listener, (status: number, handle?: TcpHandle) =>
      this.#accepted(status, handle),
    );
    const client = this.#opened(new TCP(constants.SOCKET));
    const request = new TCPConnectWrap();
    request.oncomplete = this.#completes('connect', request);
    this.#expect('connect', client.connect(request, '127.0.0.1', name.port ?? 0) === 0);
    const write = client.writeBuffer(null, QUESTION);
    this.#expect('a request for a write that waits', this.#waits(write));
    write.buffer = QUESTION;
    write.oncomplete = this.#completes('write', write);
    let answer = '';
    let isStopped = false;
    this.#read(client, (length, bytes) => {
      this.#expect('nothing to be read after readStop', !isStopped);
      answer += bytes;
      if (length === END_OF_STREAM) return this.#answered(client, answer);
      this.#expect('readStop', client.readStop() === 0);
      isStopped = true;
      // The end comes within that time.
      setImmediate(() => setImmediate(readOn));
    });
    const readOn = (): void => {
      isStopped = false;
      if (client.readStart() !== 0) this.#done('expected to be read on after readStop');
    };
    this.#connectByIPv6(name.port ?? 0);
  }

  /** To the same listener, which is asked nothing: `::1` may not be there where IPv6 is. */
  #connectByIPv6(port: number): void {
    const client = this.#opened(new this.#runtime.TCP(this.#runtime.constants.SOCKET));
    const request = new this.#runtime.TCPConnectWrap();
    request.oncomplete = this.#completes('connect6', request);
    const status = client.connect6(request, '::ffff:127.0.0.1', port);
    this.#expect('connect6', status <= 0);
    // The machine has none.
    if (status < 0) this.#pending.delete('connect6');
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
      if (length < 0) return this.#broken(side, length);
      this.#expect('what was written', bytes === QUESTION.toString());
      this.#expect('a write in one call', side.writeBuffer(null, ANSWER[0]) === 0);
      this.#expect('a write of several', side.writev(null, [ANSWER[1]], true) === 0);
      const request = new this.#runtime.ShutdownWrap();
      request.oncomplete = this.#completes('shutdown', request);
      this.#expect('shutdown', side.shutdown(request) === 0);
    });
  }

  #answered(client: TcpHandle, answer: string): void {
    this.#expect('an answer', answer === ANSWER.join(''));
    this.#open.delete(client);
    this.#pending.add('reset');
    const closed = this.#guarded(client, () => {
      this.#expect('a handle that a reset has closed', client.fd < 0);
      this.#pending.delete('reset');
    });
    this.#expect('reset', client.reset(closed) === 0);
  }

  #broken(side: TcpHandle, length: number): void {
    this.#expect('an error', length !== END_OF_STREAM);
    this.#expect('readStop', side.readStop() === 0);
    const status = statusOf(this.#runtime, side.writeBuffer(null, QUESTION)) ?? 0;
    this.#expect('a write that fails', status < 0);
    this.#open.delete(side);
    side.close(this.#guarded(side, () => this.#ended(side)));
  }

  #ended(side: TcpHandle): void {
    this.#expect('a closed handle', side.fd < 0);
    for (const what of this.#pending) this.#expect(`the end of ${what}`, false);
    this.#done(undefined);
  }

  #read(handle: TcpHandle, onRead: (length: number, bytes: string) => void): void {
    const { streamBaseState, kReadBytesOrError } = this.#runtime;
    const buffer = Buffer.alloc(64);
    handle.useUserBuffer(buffer);
    handle.onread = this.#guarded(handle, () => {
      const length = streamBaseState[kReadBytesOrError] ?? 0;
      onRead(length, length > 0 ? buffer.toString('utf8', 0, length) : '');
    });
    this.#expect('readStart', handle.readStart() === 0);
  }

  #waits(write: WriteResult): write is WriteRequest {
    return typeof write !== 'number' && statusOf(this.#runtime, write) === null;
  }

  #opened(handle: TcpHandle): TcpHandle {
    this.#open.add(handle);
    return handle;
  }

  #completes(what: string, request: object): (status: number) => void {
    this.#pending.add(what);
    return this.#guarded(request, (status: number) => {
      if (status === 0) this.#pending.delete(what);
    });
  }

  /** @param owner whose callback it is */
  #guarded<Values extends unknown[]>(owner: object, call: (...values: Values) => void) {
    const run = (self: unknown, values: Values): void => {
      try {
        this.#expect("a callback's own this", self === owner);
        call(...values);
      } catch (error) {
        this.#done(String(error));
      }
    };
    return function (this: unknown, ...values: Values): void {
      run(this, values);
    };
  }

  #expect(what: string, isSo: boolean): asserts isSo {
    if (!isSo) throw new Error(`expected ${what}`);
  }
}
