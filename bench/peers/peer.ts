import type { App } from '../lab/app.ts';
import type { BenchCommand } from '../lab/bench-process.ts';
import type { PairCertificates } from '../lab/certificates.ts';
import type { Placement } from '../lab/placement.ts';
import type { Topology } from '../lab/topology.ts';

/**
 * How a pair carries connections between its two sidecars:
 *
 * - `ours`: Hauberk
 * - `one-to-one`: a TLS connection for each TCP connection
 * - `multiplexing`: many TCP connections on one TLS connection, as Hauberk does
 * - `bound`: an engine of the bench that carries bytes and does nothing else: no choice of users, never the best peer
 * - `none`: no sidecars at all, to see what the load and the application take by themselves
 */
export type PeerKind = 'ours' | 'one-to-one' | 'multiplexing' | 'bound' | 'none';

/**
 * What a peer is measured as:
 *
 * - `sidecars`: a pair, plaintext on both ends and mutual TLS between
 * - `gateway`: HTTP from outside, led over mutual TLS to the service; what ends the TLS there is not measured
 * - `transparent`: a pair on two hosts, which intercepts what the applications do
 * - `route`: the caller's sidecar, which leads each request of its application to the service, as a gateway does
 */
export type PeerRole = 'sidecars' | 'transparent' | 'gateway' | 'route';

/** A way to put mutual TLS between two processes. */
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
  /** For each role that it has: writes its configuration and says how both sides are started. */
  readonly plans: Partial<Record<PeerRole, (context: PeerContext) => Promise<PairPlan>>>;
}

/** What a pair is planned with. */
export interface PeerContext {
  /** For its configuration and logs alone. */
  readonly directory: string;
  readonly app: App;
  readonly placement: Placement;
  readonly certificates: PairCertificates;
  readonly ports: PairPorts;
  /** The hosts of a transparent pair; everything else is on loopback. */
  readonly topology?: Topology;
  /** The `hauberk` that is measured, where it is not that of these sources. */
  readonly program?: string | undefined;
  /** What a workload wants of Hauberk alone. */
  readonly hauberk: HauberkOptions;
}

/** Ports of a pair, chosen before it starts. */
export interface PairPorts {
  /** Where the caller's sidecar takes plaintext; a gateway HTTP/1.1. */
  readonly plaintext: number;
  /** Where a gateway or a route takes HTTP/2 without TLS. */
  readonly plaintextHttp2: number;
  /** Where a gateway takes TLS, with HTTP/1.1 and HTTP/2. */
  readonly https: number;
  /** Where the callee's sidecar takes TLS, for the application that speaks HTTP/1.1. */
  readonly tls: number;
  /** The same for the application that speaks HTTP/2, where that is another port. */
  readonly tlsHttp2: number;
  readonly callerMetrics: number;
  readonly calleeMetrics: number;
}

/** What differs from a pair with everything at its default. */
export interface HauberkOptions {
  readonly leafLifetimeSeconds?: number;
  /** Both sidecars write a line for each connection. */
  readonly accessLog?: boolean;
  /** Whether both look at the requests in what they carry, which is the default. */
  readonly httpMetrics?: 'on' | 'off';
  /** Worker processes of each of the two sidecars, which may then use more cores. */
  readonly workers?: number;
  /** Services that the caller's sidecar calls, each with a port and an endpoint; one of them is the application. */
  readonly services?: number;
  /** Runs both sidecars under Node.js's profiler, which leaves `caller.cpuprofile` and `callee.cpuprofile` there. */
  readonly profileDirectory?: string;
}

/** How to start a pair. */
export interface PairPlan {
  readonly caller: BenchCommand;
  readonly callee: BenchCommand;
  /** The processes whose time and memory count: both, unless this says otherwise. */
  readonly measured?: 'caller';
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
