import { availableParallelism } from 'node:os';
import { BenchError } from '../bench-error.ts';
import { runProgram } from '../lab/bench-process.ts';
import { findProgram } from '../lab/programs.ts';
import { cpuMs } from '../measure/process-usage.ts';
import type { Workload } from './workload.ts';

/** openssl makes one handshake after the other: so many of it at a time. */
const CLIENTS = Math.max(availableParallelism(), 2);
const MARGIN_MS = 10_000;

/** What `openssl s_time` says at its end: `1234 connections in 3 real seconds`. */
export function parseHandshakes(output: string): number {
  return Number(/^(\d+) connections in \d+ real seconds/m.exec(output)?.[1] ?? Number.NaN);
}

/** What a tunnel costs the sidecar that accepts it. */
export const TUNNELS: Workload = {
  id: 'tunnels',
  title: 'new tunnels',
  description:
    "Full mutual TLS 1.3 handshakes with the callee's sidecar, made by `openssl s_time` without resumption. Proxies that multiplex make few of them; the others make one for each connection that they cannot resume.",
  pair: 'shared',
  kinds: ['ours', 'one-to-one', 'multiplexing', 'bound'],
  inRuns: ['quick', 'full'],
  metrics: [
    { key: 'handshakes', title: 'handshakes', unit: '/s', better: 'higher' },
    { key: 'cpu', title: "CPU a handshake, callee's sidecar", unit: 'us', better: 'lower' },
  ],
  async measure({ pair, placement, seconds }) {
    const program = findProgram('openssl');
    if (program === undefined) {
      throw new BenchError(
        'program-missing',
        'handshakes are made with openssl, which is not here',
        {
          hint: 'apt-get install openssl',
        },
      );
    }
    const { chain, key, trusted } = await pair.client();
    const wholeSeconds = Math.max(Math.round(seconds), 1);
    const callee = pair.pids.slice(-1);
    const command = {
      name: 's_time',
      program,
      args: [
        's_time',
        '-new',
        '-tls1_3',
        `-connect=127.0.0.1:${pair.ports.tls}`,
        `-time=${wholeSeconds}`,
        `-cert=${chain}`,
        `-key=${key}`,
        `-CAfile=${trusted}`,
        '-verify=4',
      ].flatMap((word) => word.split('=')),
      cores: placement.loadCores,
    };
    const cpu = cpuMs(callee);
    const startedMs = performance.now();
    const outputs = await Promise.all(
      Array.from({ length: CLIENTS }, () => runProgram(command, wholeSeconds * 1000 + MARGIN_MS)),
    );
    const elapsedSeconds = (performance.now() - startedMs) / 1000;
    const handshakes = outputs.map(parseHandshakes).reduce((sum, count) => sum + count, 0);
    return {
      handshakes: handshakes / elapsedSeconds,
      cpu: ((cpuMs(callee) - cpu) * 1000) / handshakes,
    };
  },
};
