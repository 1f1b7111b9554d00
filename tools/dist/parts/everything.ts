/** The `hauberk` command, and every file of ours that a process can be started with. */
import type { OwnFile } from '../../../common/process/own-program.ts';
import { takeFiles } from './take-files.ts';

const command = (): Promise<unknown> => import('../../../cli/main.ts');

const OWN_FILES: Readonly<Record<OwnFile, () => Promise<unknown>>> = {
  'cli/main.ts': command,
  'cli/demo/app/main.ts': () => import('../../../cli/demo/app/main.ts'),
  'cli/demo/client/main.ts': () => import('../../../cli/demo/client/main.ts'),
  'cli/demo/parent-watch.ts': () => import('../../../cli/demo/parent-watch.ts'),
  'cli/verify/agent/main.ts': () => import('../../../cli/verify/agent/main.ts'),
  'proxy/workers/main.ts': () => import('../../../proxy/workers/main.ts'),
};

const files = takeFiles(process.argv, OWN_FILES);
for (const load of files.length > 0 ? files : [command]) await load();
