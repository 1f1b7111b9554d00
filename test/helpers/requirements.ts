import test from 'ava';
import type { TestFn } from 'ava';
import { isPresent, type Requirement } from './system-programs.ts';

/** Set by `npm run test:all`: what is missing is then a failure and not a reason to skip. */
const MUST_RUN_ALL = process.env['HAUBERK_TEST_ALL'] === '1';

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
