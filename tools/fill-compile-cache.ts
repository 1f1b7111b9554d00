// Loads every module before the command that it is imported for, so that Node.js keeps them all compiled:
//
//   NODE_OPTIONS=--import=$PWD/tools/fill-compile-cache.ts cli/hauberk version
//
// For an image, whose cache is only read later. Node.js has one for each user and for each set of flags; the
// flags are those of the launcher this way.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
/** Loading these runs them. */
const PROGRAMS = [
  'cli/main.ts',
  'cli/demo/*/main.ts',
  'cli/demo/parent-watch.ts',
  'cli/verify/agent/main.ts',
  'proxy/workers/main.ts',
];

const files = globSync('{common,control-plane,proxy,keeper,cli}/**/*.ts', {
  cwd: ROOT,
  exclude: PROGRAMS,
});
for (const file of files) await import(join(ROOT, file));

// Says that it is not to be started by hand, and ends, compiled.
spawnSync(process.execPath, [...process.execArgv, join(ROOT, 'proxy/workers/main.ts')], {
  env: { ...process.env, NODE_OPTIONS: '' },
});
