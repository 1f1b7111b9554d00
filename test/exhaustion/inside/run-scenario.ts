import type { Scope } from '../../helpers/scope.ts';

/** Runs a scenario with a scope of its own and prints what it returns, for `runInside`. */
export async function runScenario(scenario: (scope: Scope) => Promise<unknown>): Promise<void> {
  const ends: (() => unknown)[] = [];
  try {
    const result = await scenario({ teardown: (end) => void ends.push(end) });
    console.log(JSON.stringify(result));
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}
