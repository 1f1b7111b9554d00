import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemErrorCode } from '../../common/errors.ts';
import { VerifyError } from './verify-error.ts';

/** Runs a program to its end. @throws VerifyError `program-missing` */
export async function runProgram(
  program: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const [stdout, stderr, [code]] = await Promise.all([
      child.stdout.setEncoding('utf8').toArray(),
      child.stderr.setEncoding('utf8').toArray(),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { code, stdout: stdout.join(''), stderr: stderr.join('') };
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') throw programMissing(program);
    throw cause;
  }
}

const PACKAGES: Readonly<Record<string, string>> = {
  tcpdump: 'the package tcpdump',
  nsenter: 'the package util-linux',
  docker: 'Docker, or give the place as netns:NAME or pid:PID',
};

/** The error for a program that is not there. */
export function programMissing(program: string): VerifyError {
  return new VerifyError('program-missing', `the program ${program} is not installed`, {
    hint: `install ${PACKAGES[program] ?? program}`,
  });
}

/** The first line of what a program said, for a sentence. */
export function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 200) || 'it gives no reason';
}
