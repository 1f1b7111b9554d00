import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { findAssetFiles, readAssetFile } from '../../control-plane/dashboard/assets/asset-files.ts';
import { PARTS, type Part } from './start/choose-part.ts';

/** Hauberk and all packages that it loads, in a few files of JavaScript. */
export interface Bundle {
  readonly parts: Readonly<Record<Part, string>>;
  /** What begins, and chooses the part: in the npm package, and in an executable. */
  readonly start: { readonly package: string; readonly executable: string };
  /** Folders of the packages that parts of are in it, such as `node_modules/pino`, sorted. */
  readonly packages: readonly string[];
}

/** What CommonJS packages load Node.js's own modules with. */
const BANNER = `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);`;

/** The longest line, where the code allows it: a stack trace says the line, and has to lead somewhere. */
const LINE_CHARACTERS = 120;

/**
 * Bundles the sources of this project. The result depends on nothing but them and the packages: two bundles
 * are equal byte for byte. V8 keeps the source text of what it runs, so there are no comments and indents in it, and no
 * character outside of ASCII, with which it would take two bytes for each. Names are kept, so that a stack trace can be
 * read.
 */
export async function bundle(root: string): Promise<Bundle> {
  const packages = new Set<string>((await findAssetFiles()).values().map(packageOf(root)));
  const make = async (entry: string): Promise<string> => {
    const made = await bundleOne(root, `tools/dist/${entry}.ts`);
    for (const file of made.files) packages.add(packageOf(root)(file));
    return made.code;
  };
  const parts = await Promise.all(
    PARTS.map(async (part) => [part, await make(`parts/${part}`)] as const),
  );
  const start = {
    package: await make('start/package'),
    executable: await make('start/executable'),
  };
  return {
    parts: Object.fromEntries(parts) as Record<Part, string>,
    start,
    packages: [...packages].filter((name) => name !== '').toSorted(),
  };
}

interface Bundled {
  readonly code: string;
  /** What is in it, from the root of the project. */
  readonly files: readonly string[];
}

async function bundleOne(root: string, entry: string): Promise<Bundled> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    // Where packages have modules too: of those it is known what is used.
    mainFields: ['module', 'main'],
    charset: 'ascii',
    legalComments: 'none',
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: LINE_CHARACTERS,
    banner: { js: BANNER },
    plugins: [holdAssets, leaveOut, readOwn],
    logLevel: 'silent',
  });
  const [problem] = result.warnings;
  if (problem !== undefined) {
    throw new Error(`esbuild: ${problem.text} in ${problem.location?.file ?? 'the bundle'}`);
  }
  const code = result.outputFiles.map(({ text }) => text).join('');
  return { code, files: Object.keys(result.metafile.inputs) };
}

/** The folder of the package that a file is of; an empty string for our own. */
function packageOf(root: string): (file: string) => string {
  return (file) => {
    const path = isAbsolute(file) ? relative(root, file) : file;
    return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? '';
  };
}

/**
 * What packages load for features that are not used here: gRPC reads its own .proto files for channelz and for reports
 * of load, with a tenth of the code of a sidecar.
 */
const UNUSED = /^@grpc\/proto-loader$/;

const leaveOut: Plugin = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: UNUSED }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get() { throw new Error('${path} is not in this bundle'); } });`,
    }));
  },
};

/** In the part that serves them are the files of the dashboard too, as the browser gets them. */
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

/** All of zod in one object, with its messages in fifty languages; what is used of a namespace can be told. */
const WHOLE_ZOD = "import { z } from 'zod';";
const USED_ZOD = "import * as z from 'zod';";

/**
 * Sources that load a package later do so by a `require` that they have created, which esbuild does not look
 * through. It does through a `require` that is not declared.
 */
const readOwn: Plugin = {
  name: 'read-own',
  setup({ onLoad, initialOptions }) {
    const sources = ['cli', 'common', 'control-plane', 'keeper', 'proxy'].map((room) =>
      join(initialOptions.absWorkingDir ?? '', room, '/'),
    );
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!sources.some((room) => path.startsWith(room))) return null;
      const source = await readFile(path, 'utf8');
      const contents = source
        .replace(`const require = ${CREATED};\n`, '')
        .replaceAll(CREATED, 'require')
        .replace(WHOLE_ZOD, USED_ZOD);
      return { contents, loader: 'ts' };
    });
  },
};
