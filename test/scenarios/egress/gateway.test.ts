/**
 * A client without a sidecar calls a server outside through a gateway, in plaintext: without a policy it
 * fails, a policy that is applied counts at once, and a list that is applied takes it away again.
 */
import { rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { callInVain, connectTcp, readText } from '../../helpers/clients/tcp-client.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { filesFor, shows, startOutsideServer } from '../../proxy/egress/outside-server.ts';

test('a policy that is applied opens the way out of a gateway, and a list closes it', async (t) => {
  const outside = createTestAuthority({ trustDomain: 'outside.example' });
  const altNames = [oddName.dns('pay.example')];
  const server = await startOutsideServer(t, shows(oddCertificate(outside.issuer, { altNames })));
  const { ca = '' } = await filesFor(t, { ca: outside.root.certificate.toString() });
  const mesh = await startMesh(t);
  const listener = '  - {name: unused, listen: 127.0.0.1:0, protocol: TCP, backend: api:80}\n';
  const place = `127.0.0.1:${server.port}`;
  const gateway = await startGateway(t, mesh, listener, [`--egress=127.0.0.1:0=${place}`]);
  const port = await gateway.port('egress');
  const file = path.join(mesh.directory, 'mesh.yaml');
  const apply = async (document: string): Promise<void> => {
    await writeFile(file, document);
    const { code, stderr } = await mesh.admin(['apply', '-f', file]);
    t.is(code, 0, stderr);
  };
  const refused = async (reason: string): Promise<void> => {
    await eventually(`it is refused: ${reason}`, async () => {
      t.is(await callInVain(port), 'reset');
      const line = gateway.process.log.findLast(({ event }) => event === 'egress-failed');
      return line?.['reason'] === reason ? line : undefined;
    });
  };

  /** What `hauberk status` says of the way to the server. */
  const condition = async (expected: string): Promise<void> => {
    await eventually(`status says ${expected}`, async () => {
      const { stdout } = await mesh.admin(['status', '--json']);
      const { sidecars } = JSON.parse(stdout) as {
        sidecars: { service: string; egress: { host: string; condition: string }[] }[];
      };
      const [state] = sidecars.find(({ service }) => service === 'edge')?.egress ?? [];
      return state?.host === '127.0.0.1' && state.condition === expected ? true : undefined;
    });
  };

  await refused('no-egress-policy');
  await condition('no-egress-policy');
  const policy = `egress:
  destinations:
    - host: 127.0.0.1
      port: ${server.port}
      validation: {caCertificateRefs: [${ca}], hostname: pay.example}
`;
  await apply(policy);
  const socket = await connectTcp(t, port);
  socket.write('hello');
  t.is(await readText(socket, 5), 'hello');
  socket.destroy();
  await condition('ready');
  await rm(ca);
  await condition('ca-unavailable');
  await writeFile(ca, outside.root.certificate.toString());

  await apply(`${policy}      preserveHost: false\n`);
  await refused('needs-gateway');
  await condition('needs-gateway');
  await apply(`${policy}  allow:\n    - {from: [web.default], to: ['${place}']}\n`);
  await refused('egress-not-allowed');
  await apply(`${policy}  allow:\n    - {from: [edge.default], to: ['${place}']}\n`);
  const again = await connectTcp(t, port);
  again.write('again');
  t.is(await readText(again, 5), 'again');
  t.is(server.heard(), 'helloagain');
  const samples = await gateway.metrics();
  const peer = `tls://${place}`;
  t.true(samples.has('hauberk_connections_failed_total', { peer, reason: 'egress-not-allowed' }));
});

test('the policy decides which Host a server outside gets from a gateway', async (t) => {
  const outside = createTestAuthority({ trustDomain: 'outside.example' });
  const altNames = [oddName.dns('pay.example')];
  const options = shows(oddCertificate(outside.issuer, { altNames }));
  const site = https.createServer(options, ({ headers }, response) => response.end(headers.host));
  site.listen(0, '127.0.0.1');
  t.teardown(() => {
    site.closeAllConnections();
    site.close();
  });
  await once(site, 'listening');
  const { port } = site.address() as AddressInfo;
  const { ca = '' } = await filesFor(t, { ca: outside.root.certificate.toString() });
  const mesh = await startMesh(t);
  const listener = `  - {name: web, listen: 127.0.0.1:0, protocol: HTTP, routes: [{backend: 'https://127.0.0.1:${port}'}]}\n`;
  const gateway = await startGateway(t, mesh, listener);
  const door = await gateway.port('web');
  const file = path.join(mesh.directory, 'mesh.yaml');
  for (const [preserveHost, host] of [
    [true, `127.0.0.1:${door}`],
    [false, `pay.example:${port}`],
  ] as const) {
    await writeFile(
      file,
      `egress:
  destinations:
    - host: 127.0.0.1
      port: ${port}
      validation: {caCertificateRefs: [${ca}], hostname: pay.example}
      preserveHost: ${preserveHost}
`,
    );
    t.is((await mesh.admin(['apply', '-f', file])).code, 0);
    await eventually(`the Host is ${host}`, async () => {
      const answer = await getOnce(door).catch(() => '');
      return answer === host ? true : undefined;
    });
  }
});
