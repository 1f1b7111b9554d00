import { EventEmitter, once } from 'node:events';
import { within } from '../../helpers/deadline.ts';
import type { Host } from '../../helpers/netns/network.ts';
import type { Scope } from '../../helpers/scope.ts';
import { startProgram } from './program.ts';

/** A key and the chain that goes with it, PEM: what is in the state of a sidecar. */
export interface Credential {
  readonly key: string;
  readonly cert: string;
}

/** What the observer is told to do. */
export type ObserverOrder =
  | { readonly kind: 'get'; readonly id: number; readonly url: string }
  | ({ readonly kind: 'call' | 'hold'; readonly id: number; readonly host: string } & Credential);

/** What it says. */
export type ObserverAnswer =
  | { readonly id: number; readonly answer: string; readonly body?: string }
  | { readonly id: number; readonly aliveSinceMs: number }
  | { readonly id: number; readonly ended: true };

/** What came of asking for a page. */
export interface Got {
  readonly status: string;
  readonly body: string;
}

/** A host of the network that no fault is about. */
export interface Observer {
  /** Asks for a page: the status, or what came instead of it, and the body. */
  get(url: string): Promise<Got>;
  /** Opens a stream to the application of a host as an HBONE peer: `200`, another status, or `refused`. */
  call(host: string, credential: Credential): Promise<string>;
  /** Opens one and keeps it in use until it is ended; tells when each request that was answered was sent. */
  hold(host: string, credential: Credential, onAlive: (sentMs: number) => void): Promise<string>;
}

/** Starts it; resolves when it takes orders. */
export async function startObserver(scope: Scope, host: Host): Promise<Observer> {
  const ready = new EventEmitter();
  const answers = new Map<number, PromiseWithResolvers<Got>>();
  let ended: Error | undefined;
  const held = new Map<number, (sentMs: number) => void>();
  const program = startProgram(host, ['observer'], (line) => {
    if (line === 'ready') {
      ready.emit('ready');
      return;
    }
    const said = JSON.parse(line) as ObserverAnswer;
    if ('answer' in said) {
      answers.get(said.id)?.resolve({ status: said.answer, body: said.body ?? '' });
      answers.delete(said.id);
    } else if ('aliveSinceMs' in said) held.get(said.id)?.(said.aliveSinceMs);
    else held.delete(said.id);
  });
  // Without it nothing is seen: a run that went on would tell that all is well, or nothing at all.
  void program.exited.then((how) => {
    ended = new Error(`the observer ended (${how}): ${program.output().trim()}`);
    for (const { reject } of answers.values()) reject(ended);
    answers.clear();
  });
  scope.teardown(async () => {
    program.signal('SIGKILL');
    await program.exited;
  });
  await within('the observer takes orders', once(ready, 'ready'));
  let lastId = 0;
  const order = (make: (id: number) => ObserverOrder): Promise<Got> => {
    if (ended !== undefined) return Promise.reject(ended);
    lastId += 1;
    const answer = Promise.withResolvers<Got>();
    answers.set(lastId, answer);
    program.send(JSON.stringify(make(lastId)));
    return answer.promise;
  };
  return {
    get: (url) => order((id) => ({ kind: 'get', id, url })),
    async call(address, credential) {
      const got = await order((id) => ({ kind: 'call', id, host: address, ...credential }));
      return got.status;
    },
    async hold(address, credential, onAlive) {
      const got = await order((id) => {
        held.set(id, onAlive);
        return { kind: 'hold', id, host: address, ...credential };
      });
      return got.status;
    },
  };
}
