/** An operator puts an old certificate back: valid ones stay in use, and log and metric say so. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const listener = (name: string, ...files: readonly string[]): string => {
  const certificates = files.map((file) => `{certificate: DIR/${file}.pem, key: DIR/${file}.key}`);
  return (
    `  - {name: ${name}, listen: '127.0.0.1:0', protocol: TLS, routes: [{backend: 'echo:7'}], ` +
    `tls: {mode: Terminate, certificates: [${certificates.join(', ')}]}}\n`
  );
};
const HOUR_MS = 3_600_000;
const authority = createTestAuthority({ nowMs: Date.now() - 24 * HOUR_MS });
const old = certificateFiles('www', authority.workload('edge', 'www'));
const fresh = (): Readonly<Record<string, string>> =>
  certificateFiles('www', authority.workload('edge', 'www', { nowMs: Date.now() }));

for (const kind of ['a file', 'a listener of the file'] as const) {
  test(`an expired certificate in ${kind} does not replace a valid one`, async (t) => {
    const echo = await startTcpApp(t, (socket) => socket.pipe(socket));
    const gateway = await openGatewayUnderTest(t, {
      listeners: listener('tls', 'www'),
      services: { echo: echo.port },
      files: { ...fresh(), 'old.pem': old['www.pem'] ?? '', 'old.key': old['www.key'] ?? '' },
    });
    const shown = async (): Promise<boolean> => {
      const options = { port: gateway.port('tls'), host: '127.0.0.1', rejectUnauthorized: false };
      const socket = tls.connect(options);
      await within('the handshake ends', once(socket, 'secureConnect'));
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      return (certificate?.validToDate.getTime() ?? 0) > Date.now();
    };
    const offer = async (contents: Readonly<Record<string, string>>): Promise<void> => {
      for (const [name, text] of Object.entries(contents)) {
        await writeFile(path.join(gateway.directory, name), text);
      }
      await gateway.gateway.reload();
    };
    t.true(await shown());
    if (kind === 'a file') await offer(old);
    else {
      await gateway.rewrite(listener('tls', 'www', 'old'));
      await offer({});
    }
    const refused = gateway.log.of('reload-refused').at(-1);
    t.regex(
      String(refused?.msg),
      /(www|old)\.pem expired at .* the listener tls uses are valid; give one/,
    );
    t.true(await shown());
    const metrics = await gateway.metrics();
    t.true(metrics.sum('hauberk_gateway_reloads_total', { outcome: 'refused' }) > 0);

    await gateway.rewrite(listener('tls', 'www'));
    await offer(fresh());
    t.like(gateway.log.of('reloaded').at(-1), { outcome: 'applied' });
    t.true(await shown());
  });
}

test('an expired certificate is used where there is nothing better, with a warning', async (t) => {
  const gateway = await openGatewayUnderTest(t, { listeners: listener('tls', 'www'), files: old });
  const [warning] = gateway.log.of('certificate-expired');
  t.like(warning, { listener: 'tls' });
  t.regex(String(warning?.msg), /www\.pem expired at \d{4}-.*, and the listener tls uses it/);
  const notAfter = 'hauberk_gateway_certificate_not_after_timestamp_seconds';
  t.true((await gateway.metrics()).sum(notAfter) < Date.now() / 1000);
  // Another that has expired, too, is no step back.
  const other = certificateFiles('www', authority.workload('edge', 'other'));
  for (const [name, text] of Object.entries(other)) {
    await writeFile(path.join(gateway.directory, name), text);
  }
  await gateway.gateway.reload();
  t.like(gateway.log.of('reloaded').at(-1), { outcome: 'applied' });
  t.is(gateway.log.of('certificate-expired').length, 2);
});
