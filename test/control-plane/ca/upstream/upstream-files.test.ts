// The issuer of the operator's own PKI in files: the first start, the next issuer, and files that are wrong.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../../common/clock.ts';
import { ConfigError } from '../../../../common/config/config-error.ts';
import { READ_INTERVAL_MS } from '../../../../common/files/followed-file.ts';
import { openAuthoritySource } from '../../../../control-plane/ca/authorities/source.ts';
import { CaError } from '../../../../control-plane/ca/ca-error.ts';
import {
  followUpstreamIssuer,
  readUpstreamIssuer,
  upstreamPaths,
} from '../../../../control-plane/ca/upstream/upstream-files.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { createExternalPki } from '../../../helpers/pki/external-pki.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { spoiledFiles } from '../../../helpers/spoiled-files.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const test = requires('openssl');
const trustDomain = 'mesh.local';

async function rig(t: ExecutionContext) {
  const [directory, pki] = [await temporaryDirectory(), await createExternalPki(t)];
  // Certificates that openssl makes are valid from its moment on.
  const clock = { ...createManualClock(), epochMs: systemClock.epochMs };
  const log = createLogRecorder();
  const { logger } = log;
  const store = await openSqliteStore({ path: join(directory.path, 'x.db'), clock, logger });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  const paths = {
    issuerCert: join(directory.path, 'issuer.pem'),
    issuerKey: join(directory.path, 'issuer.key'),
  };
  const give = async (certificate: string, privateKey: string): Promise<void> => {
    await writeFile(paths.issuerKey, privateKey);
    await writeFile(paths.issuerCert, certificate);
  };
  return {
    paths,
    pki,
    clock,
    log,
    give,
    /** Makes an issuer, and puts it into the files. */
    async make(name: string, signer = 'root') {
      await pki.authority(name, { signer });
      await give(await pki.chain(name, signer), await pki.key(name));
    },
    async start() {
      const options = { store, trustDomain, nowMs: clock.epochMs() };
      const first = await readUpstreamIssuer(paths, options);
      const source = await openAuthoritySource({ ...options, first });
      const following = { authorities: source, trustDomain, clock, logger };
      const followed = await followUpstreamIssuer(paths, first, following);
      t.teardown(() => followed.close());
      return {
        followed,
        bundle: () => source.current().bundle.roots.map(String).join(''),
        issuer: () => String(source.current().issuer.certificate),
      };
    },
  };
}

test('the mesh begins with the root of the files, and follows them to the next issuer', async (t) => {
  const { make, start, clock, pki, log } = await rig(t);
  await make('first');
  const { bundle, issuer, followed } = await start();
  t.is(bundle(), await pki.chain('root'));
  t.is(issuer(), await pki.chain('first'));
  await make('second');
  await clock.advance(READ_INTERVAL_MS);
  await eventually(
    'the next issuer',
    () => issuer() !== '' && log.of('upstream-issuer-installed')[0],
  );
  t.is(issuer(), await pki.chain('second'));
  t.is(bundle(), await pki.chain('root'));
  await followed.close();
  const again = await start();
  t.is(again.issuer(), await pki.chain('second'));
});

test('files that are wrong change nothing, are complained of once, and are tried again', async (t) => {
  const { make, start, clock, pki, give, log, paths } = await rig(t);
  await make('first');
  const { issuer, followed } = await start();
  const first = await pki.chain('first');
  const complaints = () => log.of('upstream-issuer-refused');
  const refused = async (what: string, count: number) => {
    await clock.advance(READ_INTERVAL_MS);
    await eventually(what, () => complaints().length === count || undefined);
    t.is(issuer(), first);
  };
  // As when only one of the two has been replaced yet.
  await pki.authority('second', { signer: 'root' });
  const second = await pki.chain('second', 'root');
  await give(second, await pki.key('first'));
  await refused('a complaint about the key', 1);
  t.regex(String(complaints()[0]?.['msg']), /got another key; .*the current issuer stays, until 2/);
  await pki.authority('elsewhere', { signer: 'elsewhere', days: 3650 });
  await pki.authority('foreign', { signer: 'elsewhere' });
  await give(await pki.chain('foreign', 'elsewhere'), await pki.key('foreign'));
  await refused('a complaint about the root', 2);
  t.regex(String(complaints()[1]?.['msg']), /expected an issuer below the root of the mesh/);
  await rm(paths.issuerKey);
  await refused('a complaint about the file', 3);
  await followed.close();
  const again = await start();
  t.is(again.issuer(), first, 'a restart with wrong files keeps it, too');
  t.is(complaints().length, 4);
  await give(second, await pki.key('second'));
  await clock.advance(READ_INTERVAL_MS);
  await eventually('the good one', () => again.issuer() !== first || undefined);
});

test('a first start with wrong files is refused, and so is one below another root', async (t) => {
  const { make, start, give, pki } = await rig(t);
  await give('', '');
  const error = await t.throwsAsync(start(), { instanceOf: CaError });
  t.is(error?.code, 'upstream-issuer-unusable');
  await make('first');
  const { followed } = await start();
  await followed.close();
  await pki.authority('elsewhere', { signer: 'elsewhere', days: 3650 });
  await make('foreign', 'elsewhere');
  const other = await t.throwsAsync(start(), { instanceOf: CaError });
  t.is(other?.code, 'upstream-root-changed');
});

test('both files or none have to be named', (t) => {
  t.is(upstreamPaths({}), undefined);
  t.deepEqual(upstreamPaths({ issuerCert: 'a', issuerKey: 'b' }), {
    issuerCert: 'a',
    issuerKey: 'b',
  });
  t.throws(() => upstreamPaths({ issuerCert: 'a' }), {
    instanceOf: ConfigError,
    message: /needs --issuer-key/,
  });
  t.throws(() => upstreamPaths({ issuerKey: 'b' }), {
    instanceOf: ConfigError,
    message: /needs --issuer-cert/,
  });
});

test('whatever becomes of a file, the issuer stays, it is told once, and a good one is taken up', async (t) => {
  const { paths, make, start, clock, log } = await rig(t);
  await make('one');
  const { issuer } = await start();
  for (const [at, [kind, spoil, expected]] of spoiledFiles.entries()) {
    const before = issuer();
    await spoil(at % 2 === 0 ? paths.issuerCert : paths.issuerKey);
    for (let round = 0; round < 3; round += 1) await clock.advance(READ_INTERVAL_MS);
    const complaints = log.of('upstream-issuer-refused');
    t.is(complaints.length, at + 1, kind);
    t.regex(complaints.at(-1)?.msg ?? '', expected);
    t.is(issuer(), before);
    await rm(paths.issuerCert, { recursive: true, force: true });
    await rm(paths.issuerKey, { recursive: true, force: true });
    await make(`next-${at}`);
    await eventually(`the next issuer after ${kind}`, async () => {
      await clock.advance(READ_INTERVAL_MS);
      return issuer() !== before || undefined;
    });
  }
});
