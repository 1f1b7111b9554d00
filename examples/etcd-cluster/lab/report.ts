import type { Attempt } from './attempts.ts';
import type { Captured } from './capture.ts';
import type { Leadership } from './etcdctl.ts';
import type { LoadResult } from './load.ts';
import type { Unrest } from './observe.ts';

/** What was seen. */
export interface LabFacts {
  readonly seconds: number;
  readonly calls: LoadResult;
  /** Puts that one long-lived watch has seen. */
  readonly watched: number;
  readonly leader: { readonly before: Leadership; readonly after: Leadership };
  /** What etcd noticed while certificates rotated. */
  readonly unrest: Unrest;
  /** Renewals of each sidecar's certificate meanwhile. */
  readonly rotations: Readonly<Record<string, number>>;
  /** Between the hosts. */
  readonly wire: Captured;
  /** Between etcd-1 and its sidecar. */
  readonly loopback: Captured;
  readonly attempts: readonly Attempt[];
}

/** What was seen, and what of it should not be. */
export interface LabReport extends LabFacts {
  /** One sentence each; none when the example has passed. */
  readonly problems: readonly string[];
}

/** Says what is not as it should be. */
export function judge(facts: LabFacts): string[] {
  const { calls, watched, leader, unrest, rotations, wire, loopback, attempts } = facts;
  const problems = [...calls.failures];
  const demand = (holds: boolean, otherwise: string): void => {
    if (!holds) problems.push(otherwise);
  };
  demand(calls.puts > 0, 'nothing was put');
  demand(watched === calls.puts, `the watch saw ${watched} of ${calls.puts} puts`);
  demand(
    leader.before.leader === leader.after.leader && leader.before.term === leader.after.term,
    'the leader has changed',
  );
  demand(unrest.leaderChanges === 0, `the members saw ${unrest.leaderChanges} leader changes`);
  demand(unrest.lostStreams === 0, `streams between members broke ${unrest.lostStreams} times`);
  for (const [host, count] of Object.entries(rotations)) {
    demand(count > 0, `the certificate of ${host} was not renewed`);
  }
  demand(wire.packets > 0, 'nothing was captured on the wire');
  demand(wire.dropped + loopback.dropped === 0, 'packets went by that were not captured');
  demand(
    wire.readableKeys + wire.readableValues === 0,
    'a key or a value was readable on the wire',
  );
  demand(wire.outsideMesh === 0, `${wire.outsideMesh} packets on the wire were not of the mesh`);
  demand(
    loopback.readableKeys > 0 && loopback.readableValues > 0,
    'not even on loopback a key and a value were found: the search proves nothing',
  );
  for (const attempt of attempts) problems.push(...problemOf(attempt));
  return problems;
}

function problemOf({ from, address, expected, outcome }: Attempt): string[] {
  if (outcome === expected) return [];
  return [`${from} -> ${address} should be ${expected}, but was ${outcome}`];
}
