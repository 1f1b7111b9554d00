import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from './release.ts';

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

/**
 * Writes the bill of materials of an executable as CycloneDX 1.6: each package that parts of are in the bundle, with the
 * digest of the lock file; Node.js, and the libraries that are in it.
 *
 * @returns the name of the file in the folder of the release
 */
export async function makeSbom(release: Release): Promise<string> {
  const { root, folder, manifest, bundle, thirdParties, epochSeconds } = release;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile;
  const packages = thirdParties.map(({ name, version, license }, index) => {
    const reference = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    const integrity = lock.packages[bundle.packages[index] ?? '']?.integrity;
    if (integrity === undefined) throw new Error(`package-lock.json has no digest of ${name}`);
    return {
      type: 'library',
      'bom-ref': reference,
      name,
      version,
      purl: reference,
      licenses: [{ expression: license }],
      hashes: [hashOf(integrity)],
    };
  });
  const { node, ...libraries } = process.versions;
  const runtime = {
    type: 'framework',
    'bom-ref': `pkg:github/nodejs/node@v${node}`,
    name: 'node',
    version: node,
    purl: `pkg:github/nodejs/node@v${node}`,
    components: Object.entries(libraries).map(([name, version]) => ({
      type: 'library',
      'bom-ref': `node/${name}`,
      name,
      version,
    })),
  };
  const reference = `pkg:npm/${manifest.name}@${manifest.version}`;
  const content = {
    metadata: {
      timestamp: new Date(epochSeconds() * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': reference,
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        purl: reference,
        licenses: [{ license: { id: manifest.license } }],
      },
    },
    components: [...packages, runtime],
    dependencies: [
      { ref: reference, dependsOn: [...packages.map((one) => one.purl), runtime.purl] },
    ],
  };
  const bom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(content))}`,
    version: 1,
    ...content,
  };
  const name = `${manifest.name}-${manifest.version}.cdx.json`;
  await writeFile(join(folder, name), `${JSON.stringify(bom, undefined, 2)}\n`);
  return name;
}

/** `sha512-BASE64` of a lock file, as CycloneDX writes it. */
function hashOf(integrity: string): { readonly alg: string; readonly content: string } {
  const [algorithm = '', digest = ''] = integrity.split('-');
  return {
    alg: algorithm.replace('sha', 'SHA-'),
    content: Buffer.from(digest, 'base64').toString('hex'),
  };
}

/** A UUID (RFC 9562, version 8) that is the same for the same text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
