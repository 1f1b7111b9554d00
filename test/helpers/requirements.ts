import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import test from 'ava';
import type { TestFn } from 'ava';

/**
 * What a test may need of the machine, and the Debian or Ubuntu package that brings it. The one list:
 * `npm run test:all` installs from it.
 */
export const REQUIREMENTS = {
  openssl: { package: 'openssl' },
  promtool: { package: 'prometheus' },
  faketime: { package: 'faketime' },
  curl: { package: 'curl' },
  h2load: { package: 'nghttp2-client' },
} as const satisfies Readonly<Record<string, { readonly package: string }>>;

/** A program that a test runs. */
export type Requirement = keyof typeof REQUIREMENTS;

/** Set by `npm run test:all`: what is missing is then a failure and not a reason to skip. */
const MUST_RUN_ALL = process.env['HAUBERK_TEST_ALL'] === '1';

/** Whether the program can be run here. */
export function isPresent(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * The `test` to declare a test with that needs programs: `requires('openssl')('title', …)`.
 *
 * Where one is missing the test is skipped and its title says why; under `npm run test:all` it fails.
 */
export function requires<Context = unknown>(...needed: readonly Requirement[]): TestFn<Context> {
  const declare = test as TestFn<Context>;
  const missing = needed.filter((program) => !isPresent(program));
  if (missing.length === 0) return declare;
  const reason = `needs ${missing.join(', ')}`;
  const substitute = (title: string): void => {
    if (!MUST_RUN_ALL) return declare.skip(`${title} # ${reason}`, () => undefined);
    declare(title, (t) => t.fail(`this test ${reason}, and nothing may be left out`));
  };
  // Only `declare(title, implementation)` is used of it, which is what the substitute takes.
  return Object.assign(substitute, { serial: substitute }) as unknown as TestFn<Context>;
}
