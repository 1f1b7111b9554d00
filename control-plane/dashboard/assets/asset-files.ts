import { readdir, readFile } from 'node:fs/promises';
import { findPackageJSON, stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The program of the browser: modules, styles, pictures. */
const APP_FOLDER = fileURLToPath(new URL('../../../dashboard/', import.meta.url));

/** What the dashboard says of codes, for people to whom they are shown. */
const ERRORS_PAGE = fileURLToPath(new URL('../../../docs/errors.md', import.meta.url));

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

/** What of the program of the browser is sent to it. */
const SENT: ReadonlySet<string> = new Set(['.ts', '.css', '.svg', '.html']);

/**
 * Where the files of the dashboard are, by the paths that a browser asks for. An installation that is one file has
 * them in it: `tools/dist/bundle.ts` puts a module in the place of this one.
 */
export async function findAssetFiles(): Promise<ReadonlyMap<string, string>> {
  const found = await readdir(APP_FOLDER, { recursive: true, withFileTypes: true });
  const own = found
    .filter((entry) => entry.isFile() && SENT.has(path.extname(entry.name)))
    .map((entry) => path.join(entry.parentPath, entry.name));
  return new Map([
    ...own.map((file) => [`/app/${toUrlPath(path.relative(APP_FOLDER, file))}`, file] as const),
    ['/app/errors.md', ERRORS_PAGE] as const,
    ...Object.entries(LIBRARIES).map(([pathname, file]) => [pathname, packageFile(file)] as const),
  ]);
}

/**
 * What a file is for the browser. TypeScript is sent as JavaScript, its types replaced by spaces, so that lines and
 * columns in the browser are those of the source: there is no build.
 */
export async function readAssetFile(file: string): Promise<Buffer> {
  const source = await readFile(file);
  if (path.extname(file) !== '.ts') return source;
  return Buffer.from(stripTypeScriptTypes(source.toString('utf8')));
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
