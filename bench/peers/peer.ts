import type { App } from '../lab/app.ts';
import type { BenchCommand } from '../lab/bench-process.ts';
import type { PairCertificates } from '../lab/certificates.ts';
import type { Placement } from '../lab/placement.ts';

/**
 * How a pair carries connections between its two sidecars:
 *
 * - `ours`: Hauberk
 * - `one-to-one`: a TLS connection for each TCP connection
 * - `multiplexing`: many TCP connections on one TLS connection, as Hauberk does
 * - `none`: no sidecars at all, to see what the load and the application take by themselves
 */
export type PeerKind = 'ours' | 'one-to-one' | 'multiplexing' | 'none';

/** A way to put mutual TLS between two processes, measured as a pair of sidecars. */
export interface Peer {
  /** As in `--peers`. */
  readonly id: string;
  readonly title: string;
  readonly kind: PeerKind;
  /** The program, and how a machine gets it. */
  readonly program: string;
  readonly install: string;
  /** What a reader has to know to judge its figures, in a sentence. */
  readonly note?: string;
  /** The version that is here; undefined when the program is missing. */
  version(): Promise<string | undefined>;
  /** Writes its configuration and says how both sidecars are started. */
  plan(context: PeerContext): Promise<PairPlan>;
}

/** What a pair is planned with. */
export interface PeerContext {
  /** For its configuration and logs alone. */
  readonly directory: string;
  readonly app: App;
  readonly placement: Placement;
  readonly certificates: PairCertificates;
  readonly ports: PairPorts;
  /** What a workload wants of Hauberk alone. */
  readonly hauberk: HauberkOptions;
}

/** Ports of a pair, chosen before it starts. */
export interface PairPorts {
  /** Where the caller's sidecar takes plaintext. */
  readonly plaintext: number;
  /** Where the callee's sidecar takes TLS. */
  readonly tls: number;
  readonly callerMetrics: number;
  readonly calleeMetrics: number;
}

/** What differs from a pair with everything at its default. */
export interface HauberkOptions {
  readonly leafLifetimeSeconds?: number;
  /** Both sidecars write a line for each connection. */
  readonly accessLog?: boolean;
  /** Worker processes of each of the two sidecars, which may then use more cores. */
  readonly workers?: number;
  /** Runs both sidecars under Node.js's profiler, which leaves `caller.cpuprofile` and `callee.cpuprofile` there. */
  readonly profileDirectory?: string;
}

/** How to start a pair. */
export interface PairPlan {
  readonly caller: BenchCommand;
  readonly callee: BenchCommand;
  /** Where Prometheus would scrape. */
  readonly metrics: readonly string[];
  /** What a client shows to the callee's sidecar, where that is not the caller's certificate. */
  readonly client?: () => Promise<ClientFiles>;
  /** What else has to run beside the sidecars and is not measured, as a control plane. */
  readonly close?: () => Promise<void>;
}

/** PEM files for a TLS client. */
export interface ClientFiles {
  /** Leaf first. */
  readonly chain: string;
  readonly key: string;
  /** The root and what is below it. */
  readonly trusted: string;
}
