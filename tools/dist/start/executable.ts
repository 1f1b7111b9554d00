/**
 * What the single executable begins with. Node.js runs one script of it, and compiles no other of its assets: each part
 * is a module of JavaScript with the code that V8 has made of it, where that is for this machine.
 */
import { dirname } from 'node:path';
import { getAssetKeys, getRawAsset } from 'node:sea';
import { pathToFileURL } from 'node:url';
import { SourceTextModule, SyntheticModule, type Module } from 'node:vm';
import { choosePart } from './choose-part.ts';

const { execPath } = process;
const META = { url: pathToFileURL(execPath).href, filename: execPath, dirname: dirname(execPath) };

/** The text is Latin-1, so that V8 keeps a byte for each character. */
function compile(file: string, compiled: string | undefined): SourceTextModule {
  return new SourceTextModule(Buffer.from(getRawAsset(file)).toString('latin1'), {
    identifier: file,
    ...(compiled === undefined ? {} : { cachedData: Buffer.from(getRawAsset(compiled)) }),
    initializeImportMeta: (meta) => void Object.assign(meta, META),
    importModuleDynamically: async (specifier) => (await import(specifier)) as Module,
  });
}

function load(file: string): SourceTextModule {
  const compiled = getAssetKeys().find((key) => key === `${file}.compiled`);
  try {
    return compile(file, compiled);
  } catch (error) {
    if (compiled === undefined) throw error;
    process.emitWarning(`the compiled code of ${file} is not used: ${String(error)}`);
    return compile(file, undefined);
  }
}

/** All that a part imports is of Node.js. */
function builtin(specifier: string): SyntheticModule {
  const exported = process.getBuiltinModule(specifier) as Readonly<Record<string, unknown>>;
  const names = Object.keys(exported).filter((name) => name !== 'default');
  return new SyntheticModule(['default', ...names], function set(this: SyntheticModule) {
    this.setExport('default', exported);
    for (const name of names) this.setExport(name, exported[name]);
  });
}

const part = load(`${choosePart(process.argv)}.js`);
part.linkRequests(part.moduleRequests.map(({ specifier }) => builtin(specifier)));
part.instantiate();
await part.evaluate();
