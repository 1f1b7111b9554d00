import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { repeat } from '../../common/repeat.ts';
import { InterceptionError } from './interception-error.ts';
import { lastKnown } from '../../common/files/last-known.ts';

/** The network interfaces of a namespace, the loopback left out. */
export interface Interfaces {
  /** Those that have an address. */
  readonly addressed: readonly string[];
  /** All of them, up or down. */
  readonly present: ReadonlySet<string>;
}

/** What watching the network of a sidecar takes. */
export interface NetworkWatchOptions {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly read?: () => Interfaces;
}

/** Tells when this process is in a namespace that is unreachable. */
export interface NetworkWatch {
  /** Aborted when that is so, with InterceptionError `network-lost` for a reason. */
  readonly lost: AbortSignal;
  /** Looks no more; safe to call twice. */
  close(): void;
}

const INTERVAL_MS = 1_000;

/**
 * How long the network must have been gone. A pod that is restarted is up again by then, so that the
 * engine can start this sidecar in its new namespace: it tries only once.
 */
const LOST_AFTER_MS = 5_000;

/**
 * Watches for the end of the container that owns this network namespace. When that ends, its
 * interfaces are taken out of the namespace, and where it starts again it has another one. Nothing
 * brings a process from the old one into the new one but a start of its own.
 *
 * A host whose cable was pulled keeps its interfaces, and one that never had any has lost nothing.
 */
export function watchNetwork({ clock, logger, ...options }: NetworkWatchOptions): NetworkWatch {
  const what = 'the interfaces of this network namespace';
  const read = lastKnown(options.read ?? readInterfaces, { what, first: NO_INTERFACES, logger });
  const lost = new AbortController();
  let had: readonly string[] = [];
  let goneSinceMs: number | undefined;
  const look = (): void => {
    const { addressed, present } = read();
    if (addressed.length > 0) had = addressed;
    const isGone = had.length > 0 && !had.some((name) => present.has(name));
    goneSinceMs = isGone ? (goneSinceMs ?? clock.monotonicMs()) : undefined;
    if (goneSinceMs !== undefined && clock.monotonicMs() - goneSinceMs >= LOST_AFTER_MS) {
      lost.abort(networkLost());
      looking.stop();
    }
  };
  look();
  const looking = repeat(clock, INTERVAL_MS, look);
  return { lost: lost.signal, close: () => looking.stop() };
}

function networkLost(): InterceptionError {
  const sentence =
    'the network namespace of this sidecar has lost all its interfaces: the container that owned it has ended';
  return new InterceptionError('network-lost', sentence, {
    hint: 'start this sidecar and its application again, when that container is up',
  });
}

/** Where there is no /proc, there is no interception either: that is told when it starts. */
const NO_INTERFACES: Interfaces = { addressed: [], present: new Set() };

function readInterfaces(): Interfaces {
  if (process.platform !== 'linux') return NO_INTERFACES;
  const addressed = Object.entries(networkInterfaces())
    .filter(([, addresses]) => addresses?.some(({ internal }) => !internal))
    .map(([name]) => name);
  // One line for each, as in `  eth0: 1234 …`; Node.js lists only those that have an address.
  const lines = readFileSync('/proc/self/net/dev', 'latin1').matchAll(/^ *([^\s:]+):/gm);
  return { addressed, present: new Set([...lines].map(([, name = '']) => name)) };
}
