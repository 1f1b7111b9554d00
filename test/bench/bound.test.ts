/**
 * The bound is two processes of the bench that carry connections as sidecars would. They must bring the right bytes,
 * each direction ends by itself, and a connection that breaks breaks no other. It takes part where it is asked for.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readBenchOptions } from '../../bench/bench-options.ts';
import { startProcess, type BenchProcess } from '../../bench/lab/bench-process.ts';
import { makeCertificates, type PairCertificates } from '../../bench/lab/certificates.ts';
import { boundPeer, V8_FLAGS } from '../../bench/peers/bound.ts';
import type { PeerContext } from '../../bench/peers/peer.ts';
import { choosePeers } from '../../bench/run-choice.ts';
import { startBulkClient, startBulkServer } from '../helpers/clients/bulk-transfer.ts';
import { within } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine/free-port.ts';
import { echo, startTcpApp } from '../helpers/servers/tcp-app.ts';
import { callInVain, connectTcp, endOf, readText } from '../helpers/clients/tcp-client.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

/** Enough to fill the window of a stream many times. */
const BULK_BYTES = 24 * 1024 * 1024;

/** A running pair. */
interface BoundPair {
  /** Where an application connects. */
  readonly port: number;
  readonly caller: BenchProcess;
  /** Ends the caller and starts another. */
  restartCaller(): Promise<void>;
}

/** Starts both sides before an application on this port. */
async function startBound(
  t: ExecutionContext,
  appPort: number,
  change: (made: PairCertificates) => PairCertificates = (made) => made,
): Promise<BoundPair> {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const ports = { plaintext: await freePort(), tls: await freePort() };
  const certificates = change(makeCertificates(directory.path));
  // The rest of what a peer may use is not of use here.
  const context = { app: { httpPort: appPort }, certificates, ports } as unknown as PeerContext;
  const plan = await boundPeer.plans.sidecars?.(context);
  if (plan === undefined) throw new Error('expected a plan for a pair');
  const start = async (command: typeof plan.caller): Promise<BenchProcess> => {
    const started = startProcess(command);
    t.teardown(() => started.end());
    await started.line(/ is listening$/);
    return started;
  };
  await start(plan.callee);
  const caller = await start(plan.caller);
  return {
    port: ports.plaintext,
    caller,
    async restartCaller() {
      await caller.end();
      await start(plan.caller);
    },
  };
}

test.serial('connections through it give their bytes back, each its own', async (t) => {
  const app = await startTcpApp(t, echo);
  const { port, restartCaller } = await startBound(t, app.port);
  const first = await connectTcp(t, port);
  const second = await connectTcp(t, port);
  first.write('one');
  second.write('two');
  t.is(await readText(second, 3), 'two');
  t.is(await readText(first, 3), 'one');
  await restartCaller();
  const third = await connectTcp(t, port);
  third.write('three');
  t.is(await readText(third, 5), 'three', 'the callee takes another caller');
});

test.serial('much in both directions at once arrives as it was sent', async (t) => {
  const server = await startBulkServer(t, BULK_BYTES);
  const { port } = await startBound(t, server.port);
  const client = startBulkClient(t, BULK_BYTES, port);
  const [there, here] = await Promise.all([server.report, client.report]);
  t.deepEqual(there.received, here.sent);
  t.deepEqual(here.received, there.sent);
});

test.serial('either side may end its direction first, and the other one goes on', async (t) => {
  const app = await startTcpApp(t);
  const { port } = await startBound(t, app.port);
  const asking = await connectTcp(t, port);
  asking.end('a question');
  const asked = await app.accepted();
  t.is(await readText(asked, 10), 'a question');
  t.is(await endOf(asked), 'end');
  asked.end('an answer');
  t.is(await readText(asking, 9), 'an answer');
  t.is(await endOf(asking), 'end');

  const listening = await connectTcp(t, port);
  const greeting = await app.accepted();
  greeting.end('a greeting');
  t.is(await readText(listening, 10), 'a greeting');
  t.is(await endOf(listening), 'end');
  listening.end('thanks');
  t.is(await readText(greeting, 6), 'thanks');
  t.is(await endOf(greeting), 'end');
});

test.serial(
  'a reset is carried on as one, in both directions, and ends nothing else',
  async (t) => {
    const app = await startTcpApp(t);
    const { port } = await startBound(t, app.port);
    const kept = await connectTcp(t, port);
    const keptThere = await app.accepted();
    const broken = await connectTcp(t, port);
    const brokenThere = await app.accepted();
    brokenThere.resetAndDestroy();
    t.is(await endOf(broken), 'reset');
    const given = await connectTcp(t, port);
    const givenThere = await app.accepted();
    given.resetAndDestroy();
    t.is(await endOf(givenThere), 'reset');
    kept.write('still here');
    t.is(await readText(keptThere, 10), 'still here');
  },
);

test.serial('an application that refuses has its callers reset', async (t) => {
  const { port } = await startBound(t, await freePort());
  t.is(await callInVain(port), 'reset');
});

test.serial(
  'a callee with the certificate of another gets nothing, and the caller says why',
  async (t) => {
    const app = await startTcpApp(t, echo);
    const { port, caller } = await startBound(t, app.port, (made) => {
      return { ...made, callee: { ...made.caller, uri: made.callee.uri } };
    });
    await callInVain(port);
    t.is(await within('the caller ends', caller.ended), 1);
    t.regex(
      caller.output(),
      /^bound: .*expected a certificate of spiffe:\/\/mesh.local\/ns\/bench\/sa\/api, got one of .*sa\/web/m,
    );
    t.is(app.sockets.size, 0);
  },
);

test('V8 is sized as it is for Hauberk', (t) => {
  const launcher = readFileSync(join(import.meta.dirname, '../../cli/hauberk'), 'utf8');
  const flags = /^flags='(.*)'$/m.exec(launcher)?.[1]?.split(' ');
  t.deepEqual(
    flags?.filter((flag) => flag !== '--expose-gc'),
    [...V8_FLAGS],
  );
});

test('it takes part in full runs and where it is named, and in no other', async (t) => {
  const isChosen = async (...args: readonly string[]): Promise<boolean> => {
    const request = readBenchOptions(args);
    if (request.kind !== 'run') throw new Error('expected a run');
    const { here } = await choosePeers(request.options);
    return here.some(({ measured }) => measured.kind === 'bound');
  };
  t.true(await isChosen('--full'));
  t.true(await isChosen('--peers=bound'));
  t.false(await isChosen());
  t.false(await isChosen('--check'));
  t.false(await isChosen('--full', '--peers=nginx'));
});
