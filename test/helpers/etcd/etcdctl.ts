import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Files in PEM that the members, and etcdctl, use towards clients. */
export interface EtcdFiles {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** Where etcdctl goes, and as whom. */
export interface EtcdctlTarget {
  readonly endpoints: readonly string[];
  readonly files: EtcdFiles | undefined;
  /** As NAME:PASSWORD. */
  readonly user: string | undefined;
  /** A command that runs the command after it: in a network namespace from which the members are reached. */
  readonly through?: readonly string[];
}

/** Runs etcdctl as an operator does; rejects when it fails. */
export async function runEtcdctl(
  { endpoints, files, user, through = [] }: EtcdctlTarget,
  command: readonly string[],
): Promise<string> {
  const args = [`--endpoints=${endpoints.join(',')}`, '--command-timeout=5s'];
  if (files !== undefined) {
    args.push(`--cacert=${files.ca}`, `--cert=${files.clientCert}`, `--key=${files.clientKey}`);
  }
  if (user !== undefined) args.push(`--user=${user}`);
  const env = { PATH: process.env['PATH'], ETCDCTL_API: '3' };
  const [program = '', ...rest] = [...through, 'etcdctl', ...args, ...command];
  const { stdout } = await run(program, rest, { env });
  return stdout;
}
