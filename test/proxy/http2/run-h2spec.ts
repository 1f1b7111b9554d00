import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';

/** What h2spec found. */
export interface H2specReport {
  readonly cases: number;
  /** By section and title. */
  readonly failed: readonly string[];
  /** Left out by h2spec itself. */
  readonly skipped: number;
}

/** How it talks to the port. */
export interface H2specOptions {
  /** Over TLS, whatever the certificate. */
  readonly isTls?: boolean;
}

/** Runs all of h2spec against a local port. */
export async function runH2spec(
  t: Pick<ExecutionContext, 'teardown'>,
  port: number,
  { isTls = false }: H2specOptions = {},
): Promise<H2specReport> {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-h2spec-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const report = join(directory, 'report.xml');
  const args = ['-h', '127.0.0.1', '-p', String(port), '-o', '1', '-j', report];
  if (isTls) args.push('-t', '-k');
  await within(
    'the end of h2spec',
    new Promise((resolve) => execFile('h2spec', args, resolve)),
    80_000,
  );
  const cases = [
    ...readFileSync(report, 'utf8').matchAll(
      /<testcase package="([^"]+)" classname="([^"]+)"[^>]*>(.*?)<\/testcase>/gs,
    ),
  ].map(([, section, title = '', result = '']) => ({
    name: `${section}: ${title.replaceAll('&#34;', '"').replaceAll('&quot;', '"')}`,
    result,
  }));
  const failed = cases.filter(({ result }) => /<(error|failure)/.test(result));
  return {
    cases: cases.length,
    failed: failed.map(({ name }) => name),
    skipped: cases.filter(({ result }) => result.includes('<skipped')).length,
  };
}
