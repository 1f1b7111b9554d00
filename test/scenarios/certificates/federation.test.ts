/**
 * Two meshes, each with a control plane and a trust domain of its own, and a third domain whose bundle a
 * web server has. What a rule names in full comes in, and nothing else: not whom no rule names, and
 * nobody whose name one domain's root has signed in another one's. The partner changes its root, both
 * control planes are away, and at the end the partner is let go.
 */
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { parsePemChain } from '../../../common/pki/pem.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { encodeSpiffeBundle } from '../../../common/pki/spiffe-bundle.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createExternalPki } from '../../helpers/pki/external-pki.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startMesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { stolenIssuer } from '../../helpers/mesh/mesh-issuer.ts';
import { callAsPeer } from '../../helpers/clients/peer-call.ts';
import type { PeerCredentials } from '../../helpers/clients/peer-credentials.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { rotationIsOver } from '../root-rotation/ca-status.ts';

const test = requires('openssl');

const RULES = `
authorization:
  rules:
    - name: partners
      action: allow
      to: [api.default]
      ports: [8080]
      from:
        - spiffe://partner.example/ns/default/sa/billing
        - spiffe://third.example/ns/default/sa/web
    - name: own
      action: allow
      to: [api.default]
      from: ['*.default']
`;

async function credentialsOf({ stateDirectory }: Sidecar): Promise<PeerCredentials> {
  const text = await readFile(path.join(stateDirectory, 'identity.json'), 'utf8');
  const { privateKey, chain } = JSON.parse(text) as { privateKey: string; chain: string };
  return { privateKey: createPrivateKey(privateKey), chain: parsePemChain(chain) };
}

/** The bundle of the third domain, on a web server whose certificate a public authority would sign. */
async function startWebServer(t: ExecutionContext, bundle: string) {
  const pki = await createExternalPki(t);
  await pki.authority('web', {
    signer: 'root',
    basicConstraints: 'CA:FALSE',
    extensions: ['keyUsage=critical,digitalSignature', 'subjectAltName=IP:127.0.0.1'],
  });
  const server = createServer(
    { key: await pki.key('web'), cert: await pki.chain('web') },
    (_request, response) => response.end(bundle),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    root: await pki.chain('root'),
  };
}

test('workloads of other trust domains come in by name, each by the roots of its own', async (t) => {
  const third = createTestAuthority({ trustDomain: 'third.example' });
  const bundle = encodeSpiffeBundle({ roots: [third.root.certificate], sequence: 7 });
  const web = await startWebServer(t, bundle);
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const file = (name: string): string => path.join(directory.path, name);
  await writeFile(file('web-root.pem'), web.root);
  await writeFile(file('mesh.yaml'), RULES);
  const mesh = await startMesh(t, {
    controlPlaneArgs: [`--mesh-config=${file('mesh.yaml')}`],
    controlPlaneEnv: { NODE_EXTRA_CA_CERTS: file('web-root.pem') },
  });
  const partner = await startMesh(t, {
    controlPlaneArgs: ['--trust-domain=partner.example', '--bundle-listen=127.0.0.1:0'],
  });
  const app = await startHttpApp(t, 'api');
  // Its workers are told everything that it is.
  const args = ['--workers=2'];
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, args });
  const foreign = (service: string) =>
    partner.sidecar({ service, args: ['--trust-domain=partner.example'] });
  const [billing, other] = [await foreign('billing'), await foreign('other')];
  const call = async (credentials: PeerCredentials, hbonePort = api.hbonePort) =>
    (await callAsPeer(t, hbonePort, credentials)).answer;
  t.is(await call(await credentialsOf(billing)), 'refused');

  // The partner's endpoint is known by its SPIFFE ID, the web server by its certificate.
  const partnerRoot = path.join(partner.controlPlane.dataDirectory, 'root.pem');
  const endpoint = `https://127.0.0.1:${await partner.controlPlane.process.port('bundle')}/`;
  const federate = (id: string) =>
    mesh.admin([
      'bundle',
      'add',
      '--trust-domain=partner.example',
      `--url=${endpoint}`,
      `--file=${partnerRoot}`,
      `--endpoint-id=spiffe://partner.example/ns/hauberk/sa/${id}`,
    ]);
  const impostor = await federate('somebody');
  t.not(impostor.code, 0);
  t.regex(impostor.stderr, /expected the endpoint .*somebody, got .*control-plane/);
  t.is((await federate('control-plane')).code, 0);
  const unproven = await mesh.admin([
    'bundle',
    'add',
    '--trust-domain=x.example',
    `--url=${endpoint}`,
  ]);
  t.not(unproven.code, 0);
  t.regex(unproven.stderr, /cannot be fetched from https/);
  const added = await mesh.admin([
    'bundle',
    'add',
    '--trust-domain=third.example',
    `--url=${web.url}`,
  ]);
  t.is(added.code, 0, added.stderr);
  t.regex(added.stdout, /third\.example +1 +https/);

  const admitted = async (what: string, credentials: PeerCredentials): Promise<void> => {
    await eventually(what, async () => ((await call(credentials)) === '200' ? true : undefined));
  };
  await admitted('billing of the partner', await credentialsOf(billing));
  t.is(await call(await credentialsOf(other)), '401', 'no rule names it');
  const labels = { direction: 'inbound', reason: 'denied-trust-domain' };
  await eventually('the refusal is counted', async () => {
    const count = (await api.metrics()).sum('hauberk_connections_failed_total', labels);
    return count === 1 || undefined;
  });
  await admitted('web of the third domain', third.workload('default', 'web'));

  // Each in the name of another domain, with a root that is trusted for its own.
  const [own, partners] = [
    createTestAuthority({ issuer: await stolenIssuer(mesh.controlPlane.dataDirectory) }),
    createTestAuthority({ issuer: await stolenIssuer(partner.controlPlane.dataDirectory) }),
  ];
  const named = (trustDomain: string, service: string) => ({
    spiffeId: spiffeId({ trustDomain, namespace: 'default', service }),
  });
  t.is(await call(partners.workload('', '', named('partner.example', 'billing'))), '200');
  t.is(await call(own.workload('', '', named('mesh.local', 'web'))), '200');
  const forgeries = [
    third.workload('', '', named('partner.example', 'billing')),
    third.workload('', '', named('mesh.local', 'web')),
    partners.workload('', '', named('third.example', 'web')),
    partners.workload('', '', named('mesh.local', 'web')),
    own.workload('', '', named('partner.example', 'billing')),
  ];
  for (const forgery of forgeries) t.is(await call(forgery), 'refused', forgery.spiffeId.uri);
  const refusals = { direction: 'inbound', reason: 'untrusted' };
  const untrusted = (await api.metrics()).sum('hauberk_handshakes_refused_total', refusals);
  t.true(untrusted >= forgeries.length);
  const elsewhere = own.workload('', '', named('x.example', 'web'));
  t.is(await call(elsewhere), 'refused');
  await api.process.logged('handshake-refused', ({ reason }) => reason === 'wrong-trust-domain');

  // The partner has another root now: the endpoint is believed by the one of before.
  t.is((await partner.admin(['ca', 'rotate', '--detach'])).code, 0);
  await rotationIsOver(partner);
  const renewed = await credentialsOf(billing);
  // Its file and its certificate follow a moment later, each by itself.
  await eventually('the new bundle', async () => {
    const { code } = await federate('control-plane');
    return code === 0 || undefined;
  });
  const late = await credentialsOf(await foreign('billing'));
  await admitted('one that leads to the new root', late);
  t.is(await call(renewed), '200');

  await Promise.all([mesh.controlPlane.kill(), partner.controlPlane.kill()]);
  await api.process.end('SIGKILL');
  const revived = await mesh.revive(api);
  t.is(await call(late, revived.hbonePort), '200', 'it is known without a control plane');
  await mesh.controlPlane.start();
  const open = await callAsPeer(t, revived.hbonePort, late);
  t.is(open.answer, '200');
  const listed = await mesh.admin(['bundle', 'list', '--json']);
  const { federated } = JSON.parse(listed.stdout) as { federated: { trustDomain: string }[] };
  t.deepEqual(federated.map(({ trustDomain }) => trustDomain).toSorted(), [
    'partner.example',
    'third.example',
  ]);
  const status = await eventually('the failure is told', async () => {
    const { stderr } = await mesh.admin(['status']);
    return stderr.includes('partner.example') ? stderr : undefined;
  });
  t.regex(status, /the bundle of partner\.example has not been refreshed for .*ECONNREFUSED/);
  t.is((await mesh.admin(['bundle', 'remove', '--trust-domain=partner.example'])).code, 0);
  await within('the tunnel of the partner is cut', open.ended);
  t.is(await call(late, revived.hbonePort), 'refused');
});
