import { spawnSync } from 'node:child_process';

let answer: boolean | undefined;

/** Whether this process may make network namespaces: root, with the capabilities of root. */
export function canMakeNetworkNamespaces(): boolean {
  answer ??= spawnSync('unshare', ['--net', 'setpriv', '--version']).status === 0;
  return answer;
}
