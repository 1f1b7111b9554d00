/**
 * Servers outside that are called by their address, by applications that know of nothing: where there is a
 * policy for the address and port, what was captured goes on in TLS, and otherwise not at all.
 *
 *     web    calls anywhere
 *     shut   calls nobody outside of the mesh in plaintext
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, within } from '../../helpers/deadline.ts';
import { startCapture } from '../../helpers/netns/capture.ts';
import { endProcess } from '../../helpers/netns/network.ts';
import { converse } from '../../helpers/netns/processes.ts';
import { isCutOff } from '../../helpers/netns/cut-off.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { shows } from '../../proxy/egress/outside-server.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'tcpdump', 'curl', 'openssl');
const CURL = ['curl', '-sS', '--max-time', '10'] as const;
const canary = (): string => randomBytes(12).toString('hex');

test('captured plaintext to a place with a policy goes on in TLS, or not at all', async (t) => {
  const { hosts, stranger, admin, network } = await startTransparentMesh(t, {
    web: [],
    shut: ['--outbound=mesh-only'],
  });
  const { web, shut } = hosts;
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  // The sidecars run as another user.
  await chmod(directory.path, 0o755);
  const outside = createTestAuthority({ trustDomain: 'outside.example' });
  const altNames = [oddName.dns('pay.example')];
  const { cert, key } = shows(oddCertificate(outside.issuer, { altNames }));
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(directory.path, name);
    await writeFile(file, text);
    return file;
  };
  const [certFile, keyFile] = [await write('cert.pem', cert), await write('key.pem', key)];
  const ca = await write('ca.pem', outside.root.certificate.toString());
  const [command = '', ...prefix] = stranger.through;
  const serve = ['openssl', 's_server', '-accept', '8443', '-www'];
  const chain = ['-cert_chain', certFile, '-cert', certFile, '-key', keyFile];
  const server = spawn(command, [...prefix, ...serve, ...chain], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => endProcess(server));
  await within('the server outside accepts', once(server.stdout, 'data'));

  const place = `http://${stranger.ipv4}:8443/`;
  const apply = async (hostname: string): Promise<void> => {
    const policy = `{host: ${stranger.ipv4}, port: 8443, validation: {caCertificateRefs: [${ca}], hostname: ${hostname}}}`;
    const file = await write('mesh.yaml', `egress: {destinations: [${policy}]}\n`);
    await admin('apply', '-f', file);
    await eventually('both have the policy', async () => {
      const { sidecars } = JSON.parse(await admin('status', '--json')) as {
        sidecars: { egress: { host: string; condition: string }[] }[];
      };
      const ready = sidecars.filter(({ egress }) =>
        egress.some((one) => one.host === stranger.ipv4 && one.condition === 'ready'),
      );
      return ready.length === 2 || undefined;
    });
  };

  // Without a policy it leaves as it is: the positive control of what is asked below.
  const before = canary();
  const baseline = await startCapture(t, network.bridge);
  await web.run(...CURL, '-d', before, place);
  const [seenBefore = 0] = await baseline.count(before);
  t.true(seenBefore > 0);
  t.true(isCutOff(await shut.run(...CURL, place)));

  const text = canary();
  const capture = await startCapture(t, network.bridge);
  await apply('pay.example');
  for (const host of [web, shut]) {
    const { stdout, stderr } = await host.run(...CURL, '-H', `X-Canary: ${text}`, place);
    t.regex(stdout, /TLSv1\.3/, stderr);
  }
  await apply('shop.example');
  for (const host of [web, shut]) {
    await eventually(`${host.name} is cut off`, async () => {
      const call = await host.run(...CURL, '-H', `X-Canary: ${text}`, place);
      return isCutOff(call) || undefined;
    });
    const reason = 'name-mismatch';
    await host.sidecar.logged('egress-failed', (line) => line['reason'] === reason);
    const failed = { peer: `tls://${stranger.ipv4}:8443`, reason };
    t.true((await host.metrics()).sum('hauberk_connections_failed_total', failed) > 0);
  }

  // What is open in plaintext is cut when a policy comes that wants TLS, or a list that does not have it.
  const [wantsTls, stays] = [2525, 8090].map((port) =>
    converse(t, web, ['tcp', stranger.ipv4, port]),
  );
  await wantsTls?.hear('220 stranger\n');
  const rest = `[{from: ['*'], to: ['${stranger.ipv4}:8080', '${stranger.ipv4}:8090']}]`;
  const policy = `{host: ${stranger.ipv4}, port: 2525, validation: {caCertificateRefs: [${ca}]}}`;
  const more = `egress: {namespace: shop, destinations: [${policy}], allow: ${rest}}\n`;
  await admin('apply', '-f', await write('mesh.yaml', more));
  t.is(await wantsTls?.ended, 'ECONNRESET');
  await web.sidecar.logged('capture-refused', (line) => line['reason'] === 'egress-policy');
  stays?.say('GET / HTTP/1.0\r\n\r\n');
  await stays?.hear('stranger got \n');
  // Another port of the same server has no policy.
  t.is((await web.run(...CURL, `http://${stranger.ipv4}:8080/`)).stdout, 'stranger got \n');
  const [seen] = await capture.count(text);
  t.is(seen, 0);
});
