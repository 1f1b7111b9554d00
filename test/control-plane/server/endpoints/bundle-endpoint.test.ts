/** The bundle endpoint with a certificate of files: followed when they change, kept when they are wrong. */
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { ConfigError } from '../../../../common/config/config-error.ts';
import { toPem } from '../../../../common/pki/pem.ts';
import { serveBundle } from '../../../../control-plane/server/endpoints/bundle-endpoint.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { createControlPlaneMetrics } from '../../../../control-plane/metrics.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { spoiledFiles } from '../../../helpers/spoiled-files.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

const authority = createTestAuthority();

async function rig(t: ExecutionContext) {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const [clock, log] = [createManualClock(), createLogRecorder()];
  const metrics = createControlPlaneMetrics(new Registry());
  const [bundleCert, bundleKey] = [
    join(directory.path, 'cert.pem'),
    join(directory.path, 'key.pem'),
  ];
  const { privateKey, chain } = authority.workload('hauberk', 'control-plane');
  const identity = { privateKey, chain: [...chain, authority.root.certificate], roots: [] };
  return {
    clock,
    log,
    async refused(reason: string): Promise<number> {
      const { values } = await metrics.bundleConnectionsRefused.get();
      return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
    },
    own: chain[0].serialNumber,
    async give(): Promise<string> {
      const next = authority.workload('shop', 'web');
      await writeFile(bundleKey, next.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      await writeFile(bundleCert, toPem(next.chain));
      return next.leaf.serialNumber;
    },
    bundleCert,
    spoil: () => writeFile(bundleCert, 'garbage'),
    async serve(settings: { bundleCert?: string; bundleKey?: string } = { bundleCert, bundleKey }) {
      const served = await serveBundle({
        settings: { bundleListen: { host: '127.0.0.1', port: 0 }, ...settings },
        identity,
        ca: { bundle: () => authority.bundle },
        clock,
        logger: log.logger,
        metrics,
      });
      t.teardown(() => served.close());
      return served;
    },
  };
}

/** The certificate that is shown. */
async function shown(port: number | undefined): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: port ?? 0, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { serialNumber = '' } = socket.getPeerX509Certificate() ?? {};
  socket.destroy();
  return serialNumber;
}

test('files are followed, and wrong ones change nothing and are told of once', async (t) => {
  const { give, spoil, serve, clock, log } = await rig(t);
  const first = await give();
  const { port } = await serve();
  t.is(await shown(port), first);
  await spoil();
  const complaints = () => log.of('bundle-endpoint-certificate-refused').length;
  await eventually('a complaint', async () => {
    await clock.advance(10_000);
    return complaints() > 0 || undefined;
  });
  t.is(await shown(port), first);
  const second = await give();
  await eventually('the next certificate', async () => {
    await clock.advance(10_000);
    return (await shown(port)) === second || undefined;
  });
  t.is(complaints(), 1);
});

for (const [kind, spoil, expected] of spoiledFiles) {
  test(`${kind}: the certificate stays, it is told once, and a good one is taken up`, async (t) => {
    const { bundleCert, give, serve, clock, log } = await rig(t);
    const first = await give();
    const { port } = await serve();
    await spoil(bundleCert);
    for (let round = 0; round < 3; round += 1) await clock.advance(10_000);
    const complaints = log.of('bundle-endpoint-certificate-refused');
    t.is(complaints.length, 1);
    t.regex(complaints[0]?.msg ?? '', expected);
    t.is(await shown(port), first);
    await rm(bundleCert, { recursive: true, force: true });
    const second = await give();
    await eventually('the next certificate', async () => {
      await clock.advance(10_000);
      return (await shown(port)) === second || undefined;
    });
    t.is(complaints.length, 1);
  });
}

test('without files it is the one of the control plane, and follows that', async (t) => {
  const { serve, own } = await rig(t);
  const served = await serve({});
  t.is(await shown(served.port), own);
  const { privateKey, chain, leaf } = authority.workload('hauberk', 'control-plane');
  await served.reload({ privateKey, chain: [...chain, authority.root.certificate], roots: [] });
  t.is(await shown(served.port), leaf.serialNumber);
});

test('a start with wrong files, or with one of the two, is refused', async (t) => {
  const { give, spoil, serve } = await rig(t);
  await t.throwsAsync(serve(), { instanceOf: ConfigError, message: /cannot be used/ });
  await give();
  await spoil();
  await t.throwsAsync(serve(), { instanceOf: ConfigError, message: /cannot be used/ });
  await t.throwsAsync(serve({ bundleCert: 'a' }), { message: /--bundle-cert needs --bundle-key/ });
  await t.throwsAsync(serve({ bundleKey: 'a' }), { message: /--bundle-key needs --bundle-cert/ });
});

test('one address has its part of the connections, and others are answered meanwhile', async (t) => {
  const { serve, own, refused } = await rig(t);
  const { port = 0 } = await serve({});
  const silent = Array.from({ length: 200 }, () =>
    connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }).on('error', () => {}),
  );
  t.teardown(() => {
    for (const socket of silent) socket.destroy();
  });
  await eventually(
    'it has its part',
    async () => (await refused('client-limit')) > 50 || undefined,
  );
  t.is(await shown(port), own);
  t.is(await refused('displaced'), 0, 'they are young');
});
