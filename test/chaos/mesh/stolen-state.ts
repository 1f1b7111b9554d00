import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mesh } from '../mesh/mesh.ts';
import type { Credential } from '../mesh/observer.ts';

/** What an intruder finds in the state directory of a sidecar; undefined while there is nothing whole. */
export function stateOf(mesh: Mesh, name: string): Credential | undefined {
  try {
    const text = readFileSync(join(mesh.stateDirectory(name), 'identity.json'), 'utf8');
    const { privateKey, chain } = JSON.parse(text) as Record<string, string>;
    return privateKey === undefined || chain === undefined
      ? undefined
      : { key: privateKey, cert: chain };
  } catch {
    return undefined;
  }
}
