import test from 'ava';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { TriedContext } from '../../../common/tls/tried-context.ts';
import { tryHandshake } from '../../../common/tls/try-handshake.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const authority = createTestAuthority();
const { roots } = authority.bundle;
const good = secureContextOptions({ ...authority.workload('shop', 'api'), roots });

test('what works is without objection', async (t) => {
  t.deepEqual(await tryHandshake({ server: good, client: good }), {
    ofServer: undefined,
    ofClient: undefined,
  });
});

test('what either side thinks of the other is told', async (t) => {
  const stranger = secureContextOptions({
    ...createTestAuthority().workload('shop', 'web'),
    roots,
  });
  const { ofServer, ofClient } = await tryHandshake({ server: good, client: stranger });
  t.is(ofServer, undefined);
  t.regex(String(ofClient), /UNABLE_TO_/);
});

test('a handshake that cannot be is an error, in the words of OpenSSL', async (t) => {
  const { privateKey: _, ...rest } = authority.workload('shop', 'api');
  const mixed = secureContextOptions({ ...rest, privateKey: generatePrivateKey(), roots });
  await t.throwsAsync(tryHandshake({ server: mixed, client: good }), {
    message: /key values mismatch/,
  });
  await t.throwsAsync(tryHandshake({ server: good, client: { maxVersion: 'TLSv1.2' } }), {
    message: /unsupported protocol|protocol version/i,
  });
  await t.throwsAsync(tryHandshake({ server: { minVersion: 'TLSv1.3' }, client: good }), {
    message: /no suitable signature algorithm|handshake failure/i,
  });
});

test('a candidate that fails leaves the one before, and the last of several counts', async (t) => {
  const used: string[] = [];
  const refused: string[] = [];
  const contexts = new TriedContext<string>({
    attempt: async (name) => {
      await Promise.resolve();
      if (name.startsWith('bad')) throw new Error(name);
    },
    use: (name) => used.push(name),
    refused: (name) => refused.push(name),
  });
  t.is(contexts.settled, undefined);
  contexts.offer('one');
  contexts.offer('skipped');
  contexts.offer('bad two');
  await contexts.settled;
  t.deepEqual(used, ['one']);
  t.deepEqual(refused, ['bad two']);
  contexts.offer('three');
  await contexts.settled;
  t.deepEqual(used, ['one', 'three']);
  t.is(contexts.settled, undefined);
});
