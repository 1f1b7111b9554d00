import { isPlainList, type Plain } from '../yaml/yaml-fields.ts';

/**
 * Succeeds where the network namespace has a route, or an address of IPv6 besides that of its loopback. One whose owner
 * has ended has neither. Only what every shell has, and no variable, which Compose would fill in.
 */
const IN_A_NETWORK =
  '{ read -r line && read -r line; } </proc/net/route || { read -r line && read -r line; } </proc/net/if_inet6 || exit 1';

/** What a list begins with that has its command at the end: `[sh, -c, COMMAND]`. */
const SHELL = /^(?:.*\/)?(?:ba|da|a)?sh$/;

/**
 * The test of an application's health check that fails, too, when the application was left behind in the namespace of a pod
 * that has ended, where it can be reached by nothing but its own test.
 *
 * @returns undefined when the test stays as it is, since no shell runs it: the image may have none
 */
export function testInNetwork(test: Plain | undefined): Plain | undefined {
  if (typeof test === 'string') return withCheck(test);
  const words = isPlainList(test) ? test.filter((word) => typeof word === 'string') : [];
  const [kind, program = '', option, line] = words;
  if (kind === 'CMD-SHELL' && words.length === 2) return ['CMD-SHELL', withCheck(program)];
  const isShell = kind === 'CMD' && words.length === 4 && SHELL.test(program) && option === '-c';
  return isShell && line !== undefined ? [kind, program, option, withCheck(line)] : undefined;
}

/** Whether it is a test that looks at nothing but the application. */
export function isBlindToNetwork(test: Plain | undefined): boolean {
  const runs = isPlainList(test) && test[0] !== 'NONE';
  return runs && testInNetwork(test) === undefined;
}

function withCheck(line: string): string {
  return `${IN_A_NETWORK}; ${line}`;
}
