import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { plusMs, sleep, type MonotonicClock, type MonotonicMs } from '../clock.ts';
import type { HostPort } from '../config/address.ts';
import type { Closeable } from '../lifecycle.ts';
import { formatHostPort } from '../network/listen.ts';
import { repeat } from '../repeat.ts';
import { askedToWaitMs, isAboutServer, isPassing, RpcError } from './rpc-error.ts';

/** A person writes down a few, and a name has a few records; more are not dialled. */
export const MAX_TARGETS = 32;

/** A resolver that does not answer must not keep a sidecar from what it knows. */
const LOOKUP_TIMEOUT_MS = 2_000;
/** Control planes come and go within hours. */
const LOOKUP_INTERVAL_MS = 60_000;

/** Of several, one that does not answer within this time is left for the next. */
const FIRST_TIMEOUT_MS = 2_000;
/** One that is alone, or as slow as the others, is waited for: a fleet that comes back at once makes all of them slow. */
const LONGEST_TIMEOUT_MS = 10_000;

/**
 * One that failed is left alone for one to three such times, and twice as long at each further failure. Sidecars
 * of one that is back return over two minutes, and not at once.
 */
const LEFT_ALONE_MS = 60_000;
const LEFT_ALONE_MOST_MS = 30 * 60_000;

/** What choosing among control planes takes. */
export interface TargetsOptions {
  /** As they were given: addresses, and names with any number of records. */
  readonly addresses: readonly HostPort[];
  readonly clock: MonotonicClock;
  /** Gives numbers in [0, 1); makes this process's order. */
  readonly random?: () => number;
  /** Instead of the resolver of the system. */
  readonly resolve?: ((host: string) => Promise<readonly string[]>) | undefined;
}

/**
 * Where the control planes are, and which of them to call. They are equal, so that every process has a random order
 * of its own and they share the load; what is learnt about one is known to all that this process calls them for.
 */
export interface ControlPlaneTargets extends Closeable {
  /** As they were given, for messages. */
  readonly text: string;
  /** How many there are, as far as is known. */
  readonly count: number;
  /** All, the one to call first at the front: in the order of this process, those that failed behind the others. */
  inOrder(): readonly HostPort[];
  /** The first of them. */
  pick(): HostPort;
  /** Whether one that has not failed is left. */
  hasOther(): boolean;
  /** How long this one may take until it answers. */
  timeoutMs(target: HostPort): number;
  /** How long all of them have asked to be left alone; 0 when one has not. */
  askedMs(): number;
  answered(target: HostPort): void;
  /** A call of it failed, for whatever reason. What was decided about the caller says nothing about the target. */
  failed(target: HostPort, error: unknown): void;
}

interface TargetState {
  readonly target: HostPort;
  /** Its place in the order. */
  readonly weight: number;
  failures: number;
  failedMs: MonotonicMs;
  /** It comes behind the others until then. */
  aloneUntilMs: MonotonicMs;
  askedUntilMs: MonotonicMs;
}

/** Resolves when names have been looked up for the first time; they are looked up again until it is closed. */
export async function openControlPlaneTargets(
  options: TargetsOptions,
): Promise<ControlPlaneTargets> {
  const { addresses, clock, random = Math.random, resolve = resolveAll } = options;
  const start = clock.monotonicMs();
  const known = new Map<string, TargetState>();
  let order: readonly TargetState[] = [];

  const take = (targets: readonly HostPort[]): void => {
    const states = new Map<string, TargetState>();
    for (const target of targets.slice(0, MAX_TARGETS)) {
      const key = keyOf(target);
      const state = known.get(key) ?? {
        target,
        weight: random(),
        failures: 0,
        failedMs: start,
        aloneUntilMs: start,
        askedUntilMs: start,
      };
      states.set(key, state);
      known.set(key, state);
    }
    for (const key of known.keys()) if (!states.has(key)) known.delete(key);
    order = [...states.values()].sort((one, other) => one.weight - other.weight);
  };
  /** What a name stands for; the name itself when it has one record, so that it is looked up whenever it is dialled. */
  const resolved = new Map<string, readonly string[]>();
  const lookUp = async (): Promise<void> => {
    const names = new Set(addresses.map(({ host }) => host).filter((host) => isIP(host) === 0));
    const all = Promise.all(
      [...names].map(async (name) => {
        const records = await resolve(name).catch(() => []);
        if (records.length > 0) resolved.set(name, [...new Set(records)].sort());
      }),
    );
    if (names.size > 0) await Promise.race([all, sleep(clock, LOOKUP_TIMEOUT_MS)]);
    const hostsOf = (name: string): readonly string[] => {
      const records = resolved.get(name) ?? [];
      return records.length > 1 ? records : [name];
    };
    take(
      addresses.flatMap(({ host, port }) => hostsOf(host).map((each) => ({ host: each, port }))),
    );
  };
  await lookUp();
  const isNamed = addresses.some(({ host }) => isIP(host) === 0);
  const lookUps = isNamed ? repeat(clock, LOOKUP_INTERVAL_MS, lookUp) : undefined;

  const inOrder = (): readonly TargetState[] => {
    const nowMs = clock.monotonicMs();
    const rank = ({ aloneUntilMs }: TargetState): number => Number(aloneUntilMs > nowMs);
    const waitedFor = (state: TargetState): number => Math.max(state.failedMs, state.askedUntilMs);
    return order.toSorted(
      (one, other) =>
        rank(one) - rank(other) ||
        // Of those that failed, the one whose turn is longest ago.
        (rank(one) === 1 ? waitedFor(one) - waitedFor(other) : one.weight - other.weight),
    );
  };
  return {
    text: addresses.map(keyOf).join(', '),
    get count() {
      return order.length;
    },
    inOrder: () => inOrder().map(({ target }) => target),
    pick() {
      const [first] = inOrder();
      if (first === undefined) throw new RangeError('expected the address of a control plane');
      return first.target;
    },
    hasOther: () => order.some(({ failures }) => failures === 0),
    timeoutMs(target) {
      if (order.length === 1) return LONGEST_TIMEOUT_MS;
      const failures = known.get(keyOf(target))?.failures ?? 0;
      return Math.min(FIRST_TIMEOUT_MS * 2 ** failures, LONGEST_TIMEOUT_MS);
    },
    askedMs() {
      const nowMs = clock.monotonicMs();
      return Math.max(0, Math.min(...order.map(({ askedUntilMs }) => askedUntilMs - nowMs)));
    },
    answered(target) {
      const state = known.get(keyOf(target));
      if (state === undefined) return;
      state.failures = 0;
      state.aloneUntilMs = clock.monotonicMs();
    },
    failed(target, error) {
      const state = known.get(keyOf(target));
      if (state === undefined || !isAboutServer(error)) return;
      const nowMs = clock.monotonicMs();
      const spread = LEFT_ALONE_MS * (1 + 2 * random());
      state.aloneUntilMs = plusMs(
        nowMs,
        Math.min(spread * 2 ** state.failures, LEFT_ALONE_MOST_MS),
      );
      state.askedUntilMs = plusMs(nowMs, askedToWaitMs(error));
      state.failedMs = nowMs;
      state.failures += 1;
    },
    close: () => lookUps?.stop(),
  };
}

/**
 * Makes a call to one control plane after the other, until one answers.
 *
 * @throws what a control plane has decided about the caller; or else, when there is such, a failure that may pass; or else
 *   the first one
 */
export async function callAny<Answer>(
  targets: ControlPlaneTargets,
  call: (target: HostPort, timeoutMs: number) => Promise<Answer>,
): Promise<Answer> {
  const failures: unknown[] = [];
  for (const target of targets.inOrder()) {
    try {
      const answer = await call(target, targets.timeoutMs(target));
      targets.answered(target);
      return answer;
    } catch (error) {
      targets.failed(target, error);
      if (!isAboutServer(error)) throw error;
      failures.push(error);
    }
  }
  const passing = failures.find((error) => error instanceof RpcError && isPassing(error.code));
  throw passing ?? failures[0];
}

function keyOf({ host, port }: HostPort): string {
  return formatHostPort(host, port);
}

async function resolveAll(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
