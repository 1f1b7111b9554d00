import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { findAssetFiles, readAssetFile } from '../../control-plane/dashboard/assets/asset-files.ts';

/** Hauberk and all packages that it loads in one file of JavaScript. */
export interface Bundle {
  readonly code: string;
  /** Folders of the packages that parts of are in it, such as `node_modules/pino`, sorted. */
  readonly packages: readonly string[];
}

/** What CommonJS packages load Node.js's own modules with. */
const BANNER = `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);`;

/**
 * Bundles the sources of this project. The result depends on nothing but them and the packages: two bundles
 * are equal byte for byte. Names are kept and nothing is minified, so that a stack trace can be read.
 */
export async function bundle(root: string): Promise<Bundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['tools/dist/entry.ts'],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    charset: 'utf8',
    legalComments: 'none',
    banner: { js: BANNER },
    plugins: [holdAssets, seeRequire],
    logLevel: 'silent',
  });
  const [problem] = result.warnings;
  if (problem !== undefined) {
    throw new Error(`esbuild: ${problem.text} in ${problem.location?.file ?? 'the bundle'}`);
  }
  const held = (await findAssetFiles()).values().map((file) => relative(root, file));
  const packages = [...Object.keys(result.metafile.inputs), ...held].flatMap(
    (file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
  );
  return {
    code: result.outputFiles.map(({ text }) => text).join(''),
    packages: [...new Set(packages)].toSorted(),
  };
}

/** In the one file are the files of the dashboard too, as the browser gets them. */
const holdAssets: Plugin = {
  name: 'hold-assets',
  setup({ onLoad }) {
    onLoad({ filter: /\/control-plane\/dashboard\/assets\/asset-files\.ts$/ }, async () => {
      const files = [...(await findAssetFiles())].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const held = await Promise.all(
        files.map(async ([pathname, file]) => [
          pathname,
          (await readAssetFile(file)).toString('base64'),
        ]),
      );
      const contents = `
        const HELD = new Map(${JSON.stringify(held)});
        export const findAssetFiles = async () => new Map(HELD.keys().map((name) => [name, name]));
        export const readAssetFile = async (name) => Buffer.from(HELD.get(name), 'base64');
      `;
      return { contents, loader: 'js' };
    });
  },
};

const CREATED = 'createRequire(import.meta.url)';

/**
 * Sources that load a package later do so by a `require` that they have created, which esbuild does not look
 * through. It does through a `require` that is not declared.
 */
const seeRequire: Plugin = {
  name: 'see-require',
  setup({ onLoad, initialOptions }) {
    const sources = ['cli', 'common', 'control-plane', 'keeper', 'proxy'].map((room) =>
      join(initialOptions.absWorkingDir ?? '', room, '/'),
    );
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!sources.some((room) => path.startsWith(room))) return null;
      const source = await readFile(path, 'utf8');
      if (!source.includes(CREATED)) return null;
      const contents = source
        .replace(`const require = ${CREATED};\n`, '')
        .replaceAll(CREATED, 'require');
      return { contents, loader: 'ts' };
    });
  },
};
