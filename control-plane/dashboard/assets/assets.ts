import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { findPackageJSON, stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file that the browser loads. */
export interface Asset {
  readonly contentType: string;
  readonly body: Buffer;
  /** Another one for other contents. */
  readonly etag: string;
}

/** The program of the browser: modules, styles, pictures. */
const APP_FOLDER = fileURLToPath(new URL('../../../dashboard/', import.meta.url));

/** Libraries of npm as the browser imports them: what each is called in a path, and where it is. */
const LIBRARIES: Readonly<Record<string, string>> = {
  '/lib/lit-html/lit-html.js': 'lit-html/lit-html.js',
  '/lib/lit-html/directive.js': 'lit-html/directive.js',
  '/lib/lit-html/directive-helpers.js': 'lit-html/directive-helpers.js',
  '/lib/lit-html/directives/repeat.js': 'lit-html/directives/repeat.js',
  '/lib/lit-html/directives/live.js': 'lit-html/directives/live.js',
  '/lib/lit-html/directives/ref.js': 'lit-html/directives/ref.js',
  '/lib/lit-html/async-directive.js': 'lit-html/async-directive.js',
  '/lib/dagre.js': '@dagrejs/dagre/dist/dagre.esm.js',
  '/lib/uplot.js': 'uplot/dist/uPlot.esm.js',
  '/lib/uplot.css': 'uplot/dist/uPlot.min.css',
};

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.html': 'text/html; charset=utf-8',
};

/** The page, whichever of its paths is opened. */
export const PAGE = '/app/index.html';

/** The files of the dashboard, by their paths. They are read when the first of them is asked for, and kept. */
export interface Assets {
  /** Undefined where there is none. */
  get(pathname: string): Promise<Asset | undefined>;
}

/**
 * Opens the files. TypeScript is sent as JavaScript, its types replaced by spaces, so that lines and columns in the
 * browser are those of the source: there is no build.
 */
export function openAssets(): Assets {
  let files: ReadonlyMap<string, string> | undefined;
  const loaded = new Map<string, Asset>();
  return {
    async get(pathname) {
      const file = (files ??= await listFiles()).get(pathname);
      if (file === undefined) return undefined;
      // What could not be read is tried again: there may have been no descriptor.
      const asset = loaded.get(pathname) ?? (await load(file));
      loaded.set(pathname, asset);
      return asset;
    },
  };
}

async function listFiles(): Promise<ReadonlyMap<string, string>> {
  const found = await readdir(APP_FOLDER, { recursive: true, withFileTypes: true });
  const own = found
    .filter((entry) => entry.isFile() && CONTENT_TYPES[path.extname(entry.name)] !== undefined)
    .map((entry) => path.join(entry.parentPath, entry.name));
  return new Map([
    ...own.map((file) => [`/app/${toUrlPath(path.relative(APP_FOLDER, file))}`, file] as const),
    ...Object.entries(LIBRARIES).map(([pathname, file]) => [pathname, packageFile(file)] as const),
  ]);
}

function toUrlPath(relative: string): string {
  return relative.split(path.sep).join('/');
}

/** A file of a package, also where its `exports` does not name it. */
function packageFile(file: string): string {
  const parts = file.split('/');
  const name = parts.slice(0, file.startsWith('@') ? 2 : 1).join('/');
  const manifest = findPackageJSON(name, import.meta.url);
  if (manifest === undefined) throw new TypeError(`expected the package ${name} to be installed`);
  return path.join(path.dirname(manifest), file.slice(name.length));
}

async function load(file: string): Promise<Asset> {
  const source = await readFile(file);
  const extension = path.extname(file);
  const body =
    extension === '.ts' ? Buffer.from(stripTypeScriptTypes(source.toString('utf8'))) : source;
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  return { contentType: CONTENT_TYPES[extension] ?? 'application/octet-stream', body, etag };
}
