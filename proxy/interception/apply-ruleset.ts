import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemErrorCode } from '../../common/errors.ts';
import { ignoreError } from '../../common/ignored.ts';
import { InterceptionError } from './interception-error.ts';
import { explainRefusal } from './explain-refusal.ts';

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
  await runNft({ command: ['nft', '-f', '-'], rules, folders });
}

/** What nft is run with. */
export interface NftRun {
  /** Ends in nft and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly rules: string;
  readonly folders: readonly string[];
}

/** Runs nft with rules on its standard input. @throws InterceptionError as `applyRuleset` */
export async function runNft({ command, rules, folders }: NftRun): Promise<void> {
  const [program, ...args] = command;
  const nft = spawn(program, args, {
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
      const sentence = `the program ${program} could not be started`;
      throw new InterceptionError('nft-failed', sentence, { cause });
    }
    throw new InterceptionError('nft-missing', `the program ${program} is not installed`, {
      hint: program === 'nft' ? 'install the package nftables' : 'install the package util-linux',
      cause,
    });
  }
  throw explainRefusal((await complaint).join(''));
}
