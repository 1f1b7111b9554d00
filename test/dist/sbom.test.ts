// The bill of materials names what is in the bundle, and nothing else.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { prepareRelease } from '../../tools/dist/release.ts';
import { makeSbom } from '../../tools/dist/sbom.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly licenses?: readonly { readonly expression: string }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
}

interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly serialNumber: string;
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

test('it lists the packages in the bundle with license and digest, and Node.js with its libraries', async (t) => {
  await using folder = await temporaryDirectory();
  const release = await prepareRelease(ROOT, folder.path);
  const text = await readFile(join(folder.path, await makeSbom(release)), 'utf8');
  const bom = JSON.parse(text) as Bom;
  t.is(`${bom.bomFormat} ${bom.specVersion}`, 'CycloneDX 1.6');
  t.regex(
    bom.serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
  );

  const names = new Set(bom.components.map(({ name }) => name));
  t.true(names.has('@grpc/grpc-js'));
  t.true(names.has('pino-pretty'), 'also what is loaded later only');
  t.false(names.has('ava'));
  t.false(names.has('esbuild'));
  for (const { name, purl, licenses, hashes } of bom.components.filter(({ purl: at }) =>
    at?.startsWith('pkg:npm'),
  )) {
    t.regex(purl ?? '', /^pkg:npm\/(?:%40[\w-]+\/)?[\w.-]+@\d/, name);
    t.truthy(licenses?.[0]?.expression, `${name} has a license`);
    t.regex(hashes?.[0]?.content ?? '', /^[0-9a-f]{128}$/, `${name} has a SHA-512`);
  }
  const node = bom.components.find(({ name }) => name === 'node');
  t.is(node?.version, process.versions.node);
  t.is(node?.components?.find(({ name }) => name === 'openssl')?.version, process.versions.openssl);
  t.is(bom.dependencies[0]?.dependsOn.length, bom.components.length);

  t.is(
    await readFile(join(folder.path, await makeSbom(release)), 'utf8'),
    text,
    'it is the same again',
  );
});

test('the license of each package goes with the bundle', async (t) => {
  await using folder = await temporaryDirectory();
  const { thirdParties, licenses } = await prepareRelease(ROOT, folder.path);
  for (const { name, version, license } of thirdParties) {
    t.true(licenses.includes(`${name} ${version}: ${license}`));
  }
  const without = thirdParties.filter(({ text }) => text === '').map(({ name }) => name);
  t.deepEqual(without, ['@bufbuild/protobuf'], 'all others have a text of their own');
});
