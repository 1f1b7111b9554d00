import { createHash } from 'node:crypto';
import path from 'node:path';
import { findAssetFiles, readAssetFile } from './asset-files.ts';

/** A file that the browser loads. */
export interface Asset {
  readonly contentType: string;
  readonly body: Buffer;
  /** Another one for other contents. */
  readonly etag: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.html': 'text/html; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
};

/** The page, whichever of its paths is opened. */
export const PAGE = '/app/index.html';

/** The files of the dashboard, by their paths. They are read when the first of them is asked for, and kept. */
export interface Assets {
  /** Undefined where there is none. */
  get(pathname: string): Promise<Asset | undefined>;
}

/** Opens the files. */
export function openAssets(): Assets {
  let files: ReadonlyMap<string, string> | undefined;
  const loaded = new Map<string, Asset>();
  return {
    async get(pathname) {
      const file = (files ??= await findAssetFiles()).get(pathname);
      if (file === undefined) return undefined;
      // What could not be read is tried again: there may have been no descriptor.
      const asset = loaded.get(pathname) ?? (await load(file));
      loaded.set(pathname, asset);
      return asset;
    },
  };
}

async function load(file: string): Promise<Asset> {
  const body = await readAssetFile(file);
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  return {
    contentType: CONTENT_TYPES[path.extname(file)] ?? 'application/octet-stream',
    body,
    etag,
  };
}
