/** All mistakes of a gateway's file are told at once, so that they can be mended in one go. */
import test from 'ava';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const GOOD = `  - {name: tcp, listen: '127.0.0.1:0', protocol: TCP, backend: 'echo:7'}\n`;

async function refusal(t: Parameters<typeof openGatewayUnderTest>[0], listeners: string) {
  const authority = createTestAuthority();
  const own = certificateFiles('www', authority.workload('edge', 'www'));
  const other = certificateFiles('other', authority.workload('edge', 'other'));
  const files = { ...own, ...other, 'empty.pem': '' };
  const gateway = await openGatewayUnderTest(t, { listeners: GOOD, files });
  await gateway.rewrite(listeners);
  await gateway.gateway.reload();
  return String(gateway.log.of('reload-refused').at(-1)?.msg);
}

test('of what the file says', async (t) => {
  const said = await refusal(
    t,
    `  - {name: one, listen: 'nowhere', protocol: TCP, backend: 'echo:7'}
  - {name: two, listen: '127.0.0.1:0', protocol: TCP, backend: 'echo'}
  - {name: three, listen: '127.0.0.1:0', protocol: TCP, backend: 'echo:7', limitz: {}}
`,
  );
  t.regex(said, /gateway\.yaml:2:\d+: listeners\[0\]\.listen: /);
  t.regex(said, /; and .*gateway\.yaml:3:\d+: listeners\[1\]\.backend: /);
  t.regex(
    said,
    /; and .*gateway\.yaml:4:\d+: listeners\[2\]: the key "limitz" is unknown; did you mean limits\?/,
  );
});

test('of the files that it names', async (t) => {
  const https = (name: string, certificate: string, key: string, more = ''): string =>
    `  - {name: ${name}, listen: '127.0.0.1:0', protocol: HTTPS, routes: [{backend: 'echo:80'}], ` +
    `tls: {mode: Terminate, certificates: [{certificate: DIR/${certificate}, key: DIR/${key}}]${more}}}\n`;
  const roots = ', clientCertificate: {mode: Required, ca: DIR/empty.pem}';
  const said = await refusal(
    t,
    https('a', 'www.pem', 'other.key', roots) +
      https('b', 'no.pem', 'no.key') +
      https('c', 'empty.pem', 'www.key') +
      https('d', 'www.pem', 'www.key'),
  );
  for (const mistake of [
    /the certificate of the listener b does not exist/,
    /the key of the listener b does not exist/,
    /other\.key is not the key of \S*www\.pem/,
    /empty\.pem has no certificate in PEM/,
    /empty\.pem does not begin with a certificate/,
  ]) {
    t.regex(said, mistake);
    t.is(said.split(mistake).length, 2, 'once');
  }
});
