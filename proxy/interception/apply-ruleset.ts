import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemErrorCode } from '../../common/errors.ts';
import { ignoreError } from '../../common/ignored.ts';
import { InterceptionError } from './interception-error.ts';

/**
 * Where systems keep nft. Not the PATH of the caller: what runs as root is not looked for in the
 * folders of a project, where npm puts a program of the same name that does something else.
 */
export const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/run/current-system/sw/bin',
] as const;

/**
 * Hands rules to the kernel, all of them or none, in the network namespace that this process is in.
 *
 * @param folders where to look for nft
 * @throws InterceptionError `nft-missing`, `nft-refused`, `nft-unsupported`, `nft-failed`
 */
export async function applyRuleset(
  rules: string,
  folders: readonly string[] = SYSTEM_FOLDERS,
): Promise<void> {
  const nft = spawn('nft', ['-f', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    // The complaints of nft are read below, in English.
    env: { PATH: folders.join(':'), LC_ALL: 'C' },
  });
  // A process that ended early reads no rules; its exit code says why.
  nft.stdin.on('error', ignoreError);
  nft.stdin.end(rules);
  const complaint = nft.stderr.setEncoding('utf8').toArray();
  try {
    const [code] = (await once(nft, 'close')) as [number | null];
    if (code === 0) return;
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ENOENT') {
      throw new InterceptionError('nft-failed', 'the program nft could not be started', { cause });
    }
    throw new InterceptionError('nft-missing', 'the program nft is not installed', {
      hint: 'install the package nftables',
      cause,
    });
  }
  throw explain((await complaint).join(''));
}

/** Says in one sentence what nft means. */
function explain(complaint: string): InterceptionError {
  if (/operation not permitted|permission denied|must be root/i.test(complaint)) {
    const sentence = 'the system does not let this process change the rules of its network';
    return new InterceptionError('nft-refused', sentence, {
      hint: 'run it as root, and in a container add the capability NET_ADMIN (cap_add: [NET_ADMIN])',
    });
  }
  if (/not supported|no such file or directory/i.test(complaint)) {
    const sentence = `the kernel lacks what the rules need: ${firstLine(complaint)}`;
    return new InterceptionError('nft-unsupported', sentence, {
      hint: 'load the modules nf_tables, nft_chain_nat, nft_redir and nft_fib_inet on the host',
    });
  }
  return new InterceptionError('nft-failed', `nft refused the rules: ${firstLine(complaint)}`);
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 200) || 'it gives no reason';
}
