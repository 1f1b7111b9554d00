import test from 'ava';
import type { TestFn } from 'ava';
import { canRunDocker } from '../docker/docker-engine.ts';
import { canMakeNetworkNamespaces } from '../netns/network-namespaces.ts';
import { LEFT_TO_PEERS, type PeerProgram } from './peer-programs.ts';
import { isPresent, type Requirement as Program } from './system-programs.ts';

/**
 * What a test may need: a program, to be root with the right to make network namespaces, or a Docker
 * engine with Compose, which `dockerEngine` starts where none answers.
 */
export type Requirement = Program | keyof typeof ABILITIES;

const ABILITIES = { 'network-namespaces': canMakeNetworkNamespaces, docker: canRunDocker } as const;

/** Set by `npm run test:all`: what is missing is then a failure and not a reason to skip. */
const MUST_RUN_ALL = process.env['HAUBERK_TEST_ALL'] === '1';

/**
 * The `test` to declare a test with that needs something: `requires('openssl')('title', …)`.
 *
 * Where one is missing the test is skipped and its title says why; under `npm run test:all` it fails.
 */
export function requires<Context = unknown>(...needed: readonly Requirement[]): TestFn<Context> {
  const declare = test as TestFn<Context>;
  const missing = needed.filter((requirement) => !isMet(requirement));
  if (missing.length === 0) return declare;
  const reason = `needs ${missing.join(', ')}`;
  const substitute = (title: string): void => {
    if (!MUST_RUN_ALL) return declare.skip(`${title} # ${reason}`, () => undefined);
    declare(title, (t) => t.fail(`this test ${reason}, and nothing may be left out`));
  };
  // Only `declare(title, implementation)` is used of it, which is what the substitute takes.
  return Object.assign(substitute, { serial: substitute }) as unknown as TestFn<Context>;
}

/**
 * The `test` to declare a test with that needs such programs. Where one is missing the test is skipped,
 * also under `npm run test:all`, and its title says how to run it.
 */
export function requiresPeer(...peers: readonly PeerProgram[]): TestFn {
  const missing = peers.filter((peer) => !isPresent(peer));
  if (missing.length === 0) return test;
  const substitute = (title: string): void => {
    test.skip(`${title} # needs ${missing.join(', ')}: ${LEFT_TO_PEERS}`, () => undefined);
  };
  return Object.assign(substitute, { serial: substitute }) as unknown as TestFn;
}

function isMet(requirement: Requirement): boolean {
  if (requirement === 'docker' || requirement === 'network-namespaces')
    return ABILITIES[requirement]();
  return isPresent(requirement);
}
