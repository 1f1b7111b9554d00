/**
 * Everything that can be wrong between us and a server outside, with nginx and OpenSSL as the servers, over
 * TLS 1.2 and 1.3, called in plaintext and by a route of a gateway: nothing gets through, and log, metrics
 * and status say what it was, each in a word of its own.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startNginx } from '../../helpers/servers/nginx.ts';
import { oddCertificate, oddName, type OddContents } from '../../helpers/pki/odd-certificate.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { callInVain } from '../../helpers/clients/tcp-client.ts';
import { createTestAuthority, type TestAuthority } from '../../helpers/mesh/test-authority.ts';
import { filesFor, shows, startVerifyingServer } from '../../proxy/egress/outside-server.ts';

const DAY_MS = 86_400_000;
const outside = createTestAuthority({ trustDomain: 'outside.example' });
const stranger = createTestAuthority({ trustDomain: 'stranger.example' });
const EXPIRED = { notBeforeMs: 0, notAfterMs: Date.now() - DAY_MS };
const FUTURE = { notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS };

function certificate({ issuer }: TestAuthority = outside, contents: Partial<OddContents> = {}) {
  return shows(oddCertificate(issuer, { altNames: [oddName.dns('pay.example')], ...contents }));
}

/** What is wrong with a certificate of a server. */
const SERVERS = [
  ['unknown-ca', certificate(stranger)],
  ['unknown-ca', certificate(stranger, EXPIRED)],
  ['name-mismatch', certificate(outside, { altNames: [oddName.dns('evil.example')] })],
  ['expired', certificate(outside, EXPIRED)],
  ['not-yet-valid', certificate(outside, FUTURE)],
  ['cn-only', certificate(outside, { altNames: [], commonName: 'pay.example' })],
] as const;

/** What is wrong with ours, for a server that wants one of `outside`. */
const CLIENTS = [
  ['client-certificate-wanted', undefined],
  ['client-certificate-rejected', certificate(stranger)],
  ['client-certificate-rejected', certificate(outside, EXPIRED)],
] as const;

const VERSIONS = ['1.2', '1.3'] as const;

/** A server, the end of its policy, and why it cannot be called; without a policy for `no-egress-policy`. */
interface Case {
  readonly reason: string;
  readonly host: string;
  readonly port: number;
  readonly more: string;
}

requires('nginx', 'openssl')('what is wrong with TLS is said, each by its name', async (t) => {
  const all = Object.fromEntries(
    [...SERVERS, ...CLIENTS].flatMap(([, shown], at) =>
      shown === undefined
        ? []
        : [[`${at}.pem`, shown.cert] as const, [`${at}.key`, shown.key] as const],
    ),
  );
  const good = certificate();
  const files = await filesFor(t, {
    ...all,
    'good.pem': good.cert,
    'good.key': good.key,
    'ca.pem': outside.root.certificate.toString(),
  });
  const file = (name: string): string => files[name] ?? '';

  // Each on an address of its own: a policy is about a host and a port.
  const sites = SERVERS.flatMap(([reason], at) =>
    VERSIONS.map((version, nth) => ({ reason, version, at, host: `127.0.7.${2 * at + nth + 1}` })),
  );
  const nginxPort = await startNginx(
    t,
    `server { listen 127.0.0.1:PORT; }
    ${sites
      .map(
        ({ host, version, at }) => `server {
        listen ${host}:PORT ssl;
        ssl_protocols TLSv${version};
        ssl_certificate ${file(`${at}.pem`)};
        ssl_certificate_key ${file(`${at}.key`)};
        return 200 "must not be heard";
      }`,
      )
      .join('\n')}`,
  );
  const cases: Case[] = sites.map(({ reason, host }) => ({
    reason,
    host,
    port: nginxPort,
    more: '',
  }));
  cases.push({ reason: 'no-egress-policy', host: '127.0.0.1', port: nginxPort, more: '' });
  for (const version of VERSIONS) {
    for (const [at, [reason, shown]] of CLIENTS.entries()) {
      const own = file('good.pem');
      const { port } = await startVerifyingServer(t, [
        '-cert',
        own,
        '-cert_chain',
        own,
        '-key',
        file('good.key'),
        `-tls${version.replace('.', '_')}`,
        '-Verify',
        '3',
        '-verify_return_error',
        '-CAfile',
        file('ca.pem'),
      ]);
      const [pem, key] = ['pem', 'key'].map((end) => file(`${SERVERS.length + at}.${end}`));
      const pair = `\n      clientCertificate: {certificate: ${pem}, key: ${key}}`;
      cases.push({ reason, host: '127.0.0.1', port, more: shown === undefined ? '' : pair });
    }
  }

  const mesh = await startMesh(t);
  const policies = cases
    .filter(({ reason }) => reason !== 'no-egress-policy')
    .map(
      ({ host, port, more }) => `    - host: ${host}
      port: ${port}
      validation: {caCertificateRefs: [${file('ca.pem')}], hostname: pay.example}${more}
`,
    );
  const configuration = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(configuration, `egress:\n  destinations:\n${policies.join('')}`);
  const applied = await mesh.admin(['apply', '-f', configuration]);
  t.is(applied.code, 0, applied.stderr);

  const routes = cases.map(
    ({ host, port }, at) =>
      `      - {hostnames: [case-${at}.example], backend: 'https://${host}:${port}'}\n`,
  );
  const gateway = await startGateway(
    t,
    mesh,
    `  - name: web\n    listen: 127.0.0.1:0\n    protocol: HTTP\n    routes:\n${routes.join('')}`,
    cases.map(({ host, port }) => `--egress=127.0.0.1:0=${host}:${port}`),
  );
  const web = await gateway.port('web');
  const doorTo = (peer: string): number =>
    Number(
      gateway.process.log.find(
        (line) =>
          line.event === 'listening' && line['listener'] === 'egress' && line['peer'] === peer,
      )?.['port'],
    );

  const said = new Map<string, number>();
  for (const [at, { reason, host, port }] of cases.entries()) {
    const peer = `tls://${host}:${port}`;
    t.is(await callInVain(doorTo(peer)), 'reset', `${at} ${reason}`);
    const line = await gateway.process.logged('egress-failed', (one) => one['peer'] === peer);
    t.is(line['reason'], reason, `${at}: ${line.msg}`);
    const status = await ask(web, `case-${at}.example`);
    t.is(status, reason === 'no-egress-policy' ? 503 : 502, `${at} ${reason}`);
    // The log takes ten of them a second.
    const requests = await gateway.metrics();
    const count = (said.get(reason) ?? 0) + 1;
    said.set(reason, count);
    t.is(requests.sum('hauberk_gateway_requests_refused_total', { reason }), count, `${at}`);
    await eventually(`both are counted as ${reason}`, async () => {
      const samples = await gateway.metrics();
      const failed = samples.sum('hauberk_connections_failed_total', { peer });
      const asThis = samples.sum('hauberk_connections_failed_total', { peer, reason });
      return failed === 2 && asThis === 2 ? true : undefined;
    });
  }
  let seen: (string | undefined)[] = [];
  const wanted = cases.map(({ reason }) => reason);
  await eventually('status says the same', async () => {
    const { sidecars } = JSON.parse((await mesh.admin(['status', '--json'])).stdout) as {
      sidecars: { egress: { host: string; port: number; condition: string }[] }[];
    };
    const states = sidecars.flatMap(({ egress }) => egress);
    seen = cases.map(
      ({ host, port }) => states.find((one) => one.host === host && one.port === port)?.condition,
    );
    return seen.join() === wanted.join() ? true : undefined;
  }).catch(() => {});
  t.deepEqual(seen, wanted);
});

async function ask(port: number, host: string): Promise<number | undefined> {
  const request = http.get({ port, host: '127.0.0.1', headers: { host }, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}
