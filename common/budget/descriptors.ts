import { getHeapStatistics } from 'node:v8';
import {
  BudgetError,
  BUDGET_REFUSALS,
  type BudgetRefusal,
  type DescriptorRefusal,
} from './budget-error.ts';
import { countOpenDescriptors, readDescriptorLimit } from './descriptor-limit.ts';
import { SharedBudget, type BudgetShare } from './shared-budget.ts';

/** What holds a descriptor and tells when it has released it. */
export interface DescriptorHolder {
  once(event: 'close', listener: () => void): unknown;
}

/** What a descriptor budget is made from. */
export interface DescriptorBudgetOptions {
  /** What the system allows this process. */
  readonly limit: number;
  /** Bounds the memory that connections take; by default of V8's heap. */
  readonly heapBytes?: number;
  /** How many are open now; undefined where it is unknown. */
  readonly countOpen?: () => number | undefined;
}

/** What the process itself opens, as long as it has not been counted: event loop, files, listeners. */
const OWN_ESTIMATE = 40;

/**
 * Kept for what comes and goes beside connections that are carried: the port for metrics and health, the
 * control plane, files, DNS, certificates. A sixteenth of the limit, between these.
 */
const HEADROOM_FRACTION = 1 / 16;
const MIN_HEADROOM = 16;
const MAX_HEADROOM = 512;

/** An idle connection takes about half of this, in sockets, buffers and tables. */
const HEAP_BYTES_EACH = 32 * 1024;

/** With fewer a program is of no use: it could open itself, and carry a handful of connections. */
export const MIN_DESCRIPTORS = 64;

/**
 * The descriptors of this process, which connections are charged to one by one. What it keeps for itself
 * is never handed out, so that `accept` finds a descriptor for a client that is refused, health and metrics
 * answer, and certificates are renewed, whatever the peers do.
 *
 *     |-- limit ----------------------------------------------------|
 *     |-- own --|-- headroom --|-- capacity: used ... free ---------|
 */
export class DescriptorBudget {
  readonly limit: number;
  /** How often something was refused, by what there was not enough of. */
  readonly refused = new Map<BudgetRefusal, number>(BUDGET_REFUSALS.map((reason) => [reason, 0]));
  readonly #shares: SharedBudget;
  readonly #mostByMemory: number;
  readonly #countOpen: () => number | undefined;
  readonly #headroom: number;
  #own = OWN_ESTIMATE;

  constructor({ limit, heapBytes, countOpen = countOpenDescriptors }: DescriptorBudgetOptions) {
    this.limit = limit;
    const heap = heapBytes ?? getHeapStatistics().heap_size_limit;
    this.#mostByMemory = Math.floor(heap / HEAP_BYTES_EACH);
    this.#countOpen = countOpen;
    const fraction = Math.floor(limit * HEADROOM_FRACTION);
    this.#headroom = Math.min(Math.max(fraction, MIN_HEADROOM), MAX_HEADROOM);
    this.#shares = new SharedBudget(this.#capacityNow());
  }

  /** What all connections together may hold. */
  get capacity(): number {
    return this.#shares.capacity;
  }

  get used(): number {
    return this.#shares.used;
  }

  /** What the process keeps for itself: open already, or kept free. */
  get reserved(): number {
    return this.#own + this.#headroom;
  }

  /** Connections to the port for metrics and health that there are descriptors for. */
  get telemetryConnections(): number {
    return this.#headroom / 2;
  }

  /** Counts what the process has opened for itself: call it when everything is open. */
  calibrate(): void {
    const open = this.#countOpen();
    if (open === undefined) return;
    this.#own = Math.max(open - this.used, 0);
    this.#shares.resize(this.#capacityNow());
  }

  heldBy({ holder }: Pick<BudgetShare, 'holder'>): number {
    return this.#shares.heldBy(holder);
  }

  /** The most that the holder may have as things are, what it has included. */
  mostFor(share: BudgetShare): number {
    return this.#shares.mostFor(share);
  }

  /** Takes a descriptor: `give` it back, or `charge` the socket that has it. Returns why not, counted. */
  take(share: BudgetShare): DescriptorRefusal | undefined {
    const denial = this.#shares.take(share);
    if (denial === undefined) return undefined;
    const reason = denial === 'used-up' ? 'descriptors' : 'peer-limit';
    this.refuse(reason);
    return reason;
  }

  give(share: BudgetShare): void {
    this.#shares.give(share);
  }

  /**
   * Opens the socket that a descriptor was taken for. It is given back when that closes, and when it cannot be
   * opened, which this throws.
   */
  open<Socket extends DescriptorHolder>(share: BudgetShare, open: () => Socket): Socket {
    let socket: Socket;
    try {
      socket = open();
    } catch (error) {
      this.give(share);
      throw error;
    }
    this.charge(socket, share);
    return socket;
  }

  /** Gives a descriptor that was taken back when the socket that has it closes. */
  charge(socket: DescriptorHolder, share: BudgetShare): void {
    socket.once('close', () => this.give(share));
  }

  /** Counts a refusal. */
  refuse(reason: BudgetRefusal): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  #capacityNow(): number {
    const free = this.limit - this.#own - this.#headroom;
    return Math.max(Math.min(free, this.#mostByMemory), 0);
  }
}

/** The error for a connection that there is no descriptor for. */
export function descriptorError(
  reason: DescriptorRefusal,
  { capacity }: { capacity: number },
): BudgetError {
  return reason === 'descriptors'
    ? new BudgetError(reason, `all ${capacity} descriptors for connections are in use`, {
        hint: 'raise the limit of open files (ulimit -n, LimitNOFILE, --ulimit nofile)',
      })
    : new BudgetError(reason, `it has its share of the ${capacity} descriptors for connections`, {
        hint: 'find out why it keeps so many connections open',
      });
}

/** The descriptors are the process's, and so is their budget. */
export const PROCESS_DESCRIPTORS = new DescriptorBudget({ limit: readDescriptorLimit() });
