/**
 * Where the one file begins that an installation consists of: `--load=FILE` in front of all other arguments
 * loads a file of ours, as `ownProgram` asks for; without it this is the `hauberk` command.
 */
import { LOAD_FLAG, type OwnFile } from '../../common/own-program.ts';

const OWN_FILES: Readonly<Record<OwnFile, () => Promise<unknown>>> = {
  'cli/main.ts': () => import('../../cli/main.ts'),
  'cli/demo/app/main.ts': () => import('../../cli/demo/app/main.ts'),
  'cli/demo/client/main.ts': () => import('../../cli/demo/client/main.ts'),
  'cli/demo/parent-watch.ts': () => import('../../cli/demo/parent-watch.ts'),
  'cli/verify/agent/main.ts': () => import('../../cli/verify/agent/main.ts'),
  'proxy/workers/main.ts': () => import('../../proxy/workers/main.ts'),
};

function isOwnFile(name: string): name is OwnFile {
  return Object.hasOwn(OWN_FILES, name);
}

/** Takes what is to be loaded out of the arguments: what is loaded sees its own only. */
function takeFiles(argv: string[]): OwnFile[] {
  const [, , first] = argv;
  if (first === undefined || !first.startsWith(LOAD_FLAG)) return [];
  const name = first.slice(LOAD_FLAG.length);
  argv.splice(2, 1);
  if (isOwnFile(name)) return [name, ...takeFiles(argv)];
  process.stderr.write(
    `hauberk: it has no file ${JSON.stringify(name)} to load; see hauberk --help\n`,
  );
  process.exit(2);
}

const files = takeFiles(process.argv);
for (const file of files.length > 0 ? files : (['cli/main.ts'] as const)) await OWN_FILES[file]();
