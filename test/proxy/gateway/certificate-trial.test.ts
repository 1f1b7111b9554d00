// Certificates of an operator are tried before they are used: what no client takes changes nothing.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';
import { createRoot } from '../../../common/pki/authority.ts';
import { within } from '../../helpers/deadline.ts';
import { createExternalPki } from '../../helpers/pki/external-pki.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const test = requires('openssl');

const CERTIFICATES = 'certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]';
const LISTENER = `  - {name: tls, listen: '127.0.0.1:0', protocol: TLS, tls: {mode: Terminate, ${CERTIFICATES}}, routes: [{backend: 'echo:7'}]}\n`;
const LEAF = 'CA:FALSE';
const SIGNS = 'keyUsage=critical,digitalSignature';

test('a certificate that no client takes leaves the one before in use', async (t) => {
  const pki = await createExternalPki(t);
  const ends = { signer: 'root', basicConstraints: LEAF } as const;
  const purpose = (name: string): string => `extendedKeyUsage=${name}`;
  await pki.authority('good', { ...ends, extensions: [SIGNS, purpose('serverAuth')] });
  await pki.authority('client', { ...ends, extensions: [SIGNS, purpose('clientAuth')] });
  await pki.authority('next', { ...ends, extensions: [SIGNS, purpose('serverAuth')] });
  await pki.authority('narrow', { signer: 'root', basicConstraints: 'CA:TRUE,pathlen:0' });
  await pki.authority('deep', { signer: 'narrow' });
  await pki.authority('below', { ...ends, signer: 'deep', extensions: [SIGNS] });

  const files = async (key: string, ...chain: string[]): Promise<Record<string, string>> => ({
    'www.pem': await pki.chain(...chain),
    'www.key': await pki.key(key),
  });
  const echo = await startTcpApp(t, (socket) => socket.pipe(socket));
  const gateway = await openGatewayUnderTest(t, {
    listeners: LISTENER,
    services: { echo: echo.port },
    files: await files('good', 'good', 'root'),
  });
  const shown = async (): Promise<string> => {
    const socket = tls.connect({
      port: gateway.port('tls'),
      host: '127.0.0.1',
      rejectUnauthorized: false,
    });
    await within('the handshake ends', once(socket, 'secureConnect'));
    const subject = socket.getPeerX509Certificate()?.subject ?? '';
    socket.destroy();
    return subject.replace(/^.*CN=/s, '');
  };
  const offer = async (contents: Record<string, string>): Promise<void> => {
    for (const [name, text] of Object.entries(contents)) {
      await writeFile(path.join(gateway.directory, name), text);
    }
    await gateway.gateway.reload();
  };
  t.is(await shown(), 'good');

  const refused: readonly (readonly [RegExp, Record<string, string>])[] = [
    [/www\.key is not the key of .*www\.pem/, await files('next', 'client', 'root')],
    [/www\.pem cannot be used.*INVALID_PURPOSE/, await files('client', 'client', 'root')],
    [/PATH_LENGTH_EXCEEDED/, await files('below', 'below', 'deep', 'narrow', 'root')],
  ];
  for (const [reason, contents] of refused) {
    await offer(contents);
    t.regex(String(gateway.log.of('reload-refused').at(-1)?.msg), reason);
    t.is(await shown(), 'good');
  }
  // Whether the authority is known is up to the client, and so are certificates that are not needed.
  for (const chain of [['next'], ['good', 'deep'], ['next', 'root']] as const) {
    await offer(await files(chain[0], ...chain));
    t.is(await shown(), chain[0]);
  }
});

test('many authorities of client certificates fit into no list, and are believed all the same', async (t) => {
  const authority = createTestAuthority();
  const clients = createTestAuthority({ trustDomain: 'clients.example' });
  const alice = clients.workload('people', 'alice');
  const crowd = Array.from(
    { length: 1_500 },
    () => createRoot({ trustDomain: 'clients.example', nowMs: Date.now() }).certificate,
  );
  const mode = "clientCertificate: {mode: Required, ca: 'DIR/clients.pem'}";
  const echo = await startTcpApp(t, (socket) => socket.pipe(socket));
  const gateway = await openGatewayUnderTest(t, {
    listeners: LISTENER.replace(CERTIFICATES, `${CERTIFICATES}, ${mode}`),
    services: { echo: echo.port },
    files: {
      ...certificateFiles('www', authority.workload('edge', 'www')),
      'clients.pem': [...crowd, clients.root.certificate].map(String).join(''),
    },
  });
  for (const [maxVersion, servername] of [
    ['TLSv1.3', 'www.edge'],
    ['TLSv1.2', 'www.edge'],
    ['TLSv1.3', undefined],
  ] as const) {
    const socket = tls.connect({
      port: gateway.port('tls'),
      host: '127.0.0.1',
      maxVersion,
      ...(servername === undefined ? {} : { servername }),
      ca: authority.root.certificate.toString(),
      checkServerIdentity: () => undefined,
      cert: alice.chain.map(String).join(''),
      key: String(alice.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    });
    socket.write('said');
    const [answer] = (await within('an answer', once(socket, 'data'))) as [Buffer];
    t.is(String(answer), 'said');
    socket.destroy();
  }
});
