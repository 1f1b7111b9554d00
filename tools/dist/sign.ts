// Writes the checksums of all files in a folder, and their signature with the key in DIST_SIGNING_KEY:
// tools/run node tools/dist/sign.ts FOLDER. For a release, whose files come from several machines.
import { readdirSync } from 'node:fs';
import { CHECKSUMS, writeChecksums } from './checksums.ts';

const [, , folder = 'dist'] = process.argv;
const keyFile = process.env['DIST_SIGNING_KEY'];
if (keyFile === undefined)
  throw new Error('DIST_SIGNING_KEY must name a file with a private key of Ed25519');
const names = readdirSync(folder).filter((name) => !name.startsWith(CHECKSUMS));
await writeChecksums(folder, names, keyFile);
