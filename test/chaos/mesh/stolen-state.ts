import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Mesh } from '../mesh/mesh.ts';
import type { Credential } from '../mesh/observer.ts';

/** What an intruder finds in the state directory of a sidecar; undefined while there is nothing whole. */
export function stateOf(mesh: Mesh, name: string): Credential | undefined {
  try {
    const text = readFileSync(join(mesh.stateDirectory(name), 'identity.json'), 'utf8');
    const { privateKey: key, chain: cert } = JSON.parse(text) as Record<string, string>;
    if (key === undefined || cert === undefined) return undefined;
    // A fault may have changed a byte of it: no TLS can be made with that.
    createSecureContext({ key, cert });
    return { key, cert };
  } catch {
    return undefined;
  }
}
