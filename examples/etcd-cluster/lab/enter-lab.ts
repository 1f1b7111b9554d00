import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a script of Node.js as process 1 of namespaces of its own: network, mounts and processes.
 * However it ends, and however this process ends, the kernel then ends everything that was started
 * in there, and interfaces, names of namespaces and files go with it.
 *
 * @returns the exit code
 */
export async function enterLab(script: readonly string[]): Promise<number> {
  const namespaces = ['--net', '--mount', '--pid', '--mount-proc', '--fork', '--kill-child'];
  const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
  // The pipe on its standard input ends with this process, and tells it to end as well.
  const lab = spawn('unshare', [...namespaces, '--', ...node, ...script], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const end = (): void => void lab.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const [code, signal] = (await once(lab, 'close')) as [number | null, NodeJS.Signals | null];
  // 130 is what a shell makes of Ctrl+C.
  return code ?? (signal === null ? 2 : 130);
}
