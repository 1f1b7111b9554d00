import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { HostPort } from '../../../common/config/address.ts';
import type { Scope } from '../scope.ts';

/** What becomes of the bytes of one direction: `hold` keeps them for the next `pass`, `drop` does not. */
export type Passage = 'pass' | 'hold' | 'drop';

/** A relay in front of a member: what a network between them could do, done on purpose. */
export interface SwitchableRelay {
  readonly address: HostPort;
  /** Holds what the client sends from now on, or lets it through again with what was held. */
  requests(passage: Passage): void;
  /** The same for what the member answers. */
  answers(passage: Passage): void;
  /** Ends all connections; new ones are refused until it is called with false. */
  cut(isCut: boolean): void;
  /** How many pieces of either direction are held. */
  readonly held: number;
  /** How many pieces of answers have come, held or not. */
  readonly answered: number;
}

/** Starts one. */
export async function startRelay(scope: Scope, target: HostPort): Promise<SwitchableRelay> {
  const gates = { requests: new Gate(), answers: new Gate() };
  const sockets = new Set<Socket>();
  let refuses = false;
  const server = createServer((client) => {
    if (refuses) return void client.resetAndDestroy();
    const member = connect(target.port, target.host);
    for (const [from, to, gate] of [
      [client, member, gates.requests],
      [member, client, gates.answers],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => gate.pass(() => to.write(bytes)));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        gate.pass(() => to.destroy());
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  scope.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    address: { host: '127.0.0.1', port },
    requests: (passage) => gates.requests.set(passage),
    answers: (passage) => gates.answers.set(passage),
    cut(isCut) {
      refuses = isCut;
      if (isCut) for (const socket of sockets) socket.resetAndDestroy();
    },
    get held() {
      return gates.requests.held + gates.answers.held;
    },
    get answered() {
      return gates.answers.seen;
    },
  };
}

/** Runs what passes it, in order, or holds it until it opens. */
class Gate {
  #held: (() => void)[] = [];
  #passage: Passage = 'pass';

  seen = 0;

  get held(): number {
    return this.#held.length;
  }

  pass(action: () => void): void {
    this.seen += 1;
    if (this.#passage === 'pass') action();
    else if (this.#passage === 'hold') this.#held.push(action);
  }

  set(passage: Passage): void {
    this.#passage = passage;
    if (passage !== 'pass') return;
    const held = this.#held;
    this.#held = [];
    for (const action of held) action();
  }
}
