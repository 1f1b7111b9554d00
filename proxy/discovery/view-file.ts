import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileAtomically } from '../../common/files/atomic-file.ts';
import type { MeshPolicy } from '../../common/authorization/policy.ts';
import { storedDate } from '../../common/dates.ts';
import { systemErrorCode, HauberkError } from '../../common/errors.ts';
import { checkDigest, withDigest } from '../../common/files/file-digest.ts';
import { pemChain } from '../../common/pki/pem-fields.ts';
import { makeDirectory } from '../../common/files/make-directory.ts';
import type { Revocation } from '../../common/pki/revocation.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import { toInterestMessage, toScopes, type Scope } from '../../common/wire/interest.ts';
import { policyField } from '../../common/wire/policy.ts';
import type { RootsByDomain } from './federation.ts';
import { readEndpoint, toEndpointMessage, type Endpoint } from '../../common/wire/endpoint.ts';

/** What a sidecar does not take from outside. */
type DiscoveryErrorCode = 'view-file';

/** Thrown inside `proxy/discovery`; it never leaves it, but is logged. */
export class DiscoveryError extends HauberkError<DiscoveryErrorCode> {}

/** A view as it is saved. */
export interface SavedView {
  readonly version: number;
  readonly endpoints: readonly Endpoint[];
  /** What they are all of; undefined: of the mesh. */
  readonly complete: readonly Scope[] | undefined;
  readonly revocations: readonly Revocation[];
  /** Undefined when there was none. */
  readonly policy: MeshPolicy | undefined;
  /** Other trust domains. */
  readonly federated: RootsByDomain;
}

const FILE_NAME = 'view.json';
const FILE_MODE = 0o600;

/** Digests of the roots of the mesh that the view is of: versions of another mesh mean nothing. */
const savedRoots = z.object({ roots: z.array(z.string()) });

const endpointOf = (trustDomain: string) =>
  z.codec(z.unknown(), z.custom<Endpoint>(), {
    decode: (message) => readEndpoint(message, trustDomain),
    encode: toEndpointMessage,
  });

const savedRevocation = z.object({
  spiffeId: z.string(),
  serial: z.string().optional(),
  notBeforeMs: storedDate.optional(),
  expiresMs: storedDate,
});

/** Of everything; and since it may be less, which an older sidecar must not take for everything. */
const FORMATS = { everything: 2, interest: 3 } as const;

const savedInterest = z.object({
  services: z.array(z.object({ namespace: z.string(), service: z.string() })).readonly(),
  namespaces: z.array(z.string()).readonly(),
  addresses: z.array(z.string()).readonly(),
});

const savedView = (trustDomain: string) =>
  savedRoots.extend({
    format: z.literal([FORMATS.everything, FORMATS.interest]),
    version: z.int().nonnegative(),
    endpoints: z.array(endpointOf(trustDomain)).readonly(),
    revocations: z.array(savedRevocation).readonly().default([]),
    /** Names and PEM. */
    federated: z.array(z.tuple([z.string(), pemChain])).default([]),
    policy: policyField.optional(),
    complete: savedInterest.optional(),
  });

/** Saves a view so that a crash leaves this one or the one before. Rejects with the system's error. */
export async function saveView(
  stateDirectory: string,
  view: SavedView,
  bundle: TrustBundle,
): Promise<void> {
  const saved = z.encode(savedView(bundle.trustDomain), {
    ...view,
    format: view.complete === undefined ? FORMATS.everything : FORMATS.interest,
    complete: view.complete && toInterestMessage(view.complete),
    roots: digests(bundle),
    federated: [...view.federated],
  });
  makeDirectory(stateDirectory, 0o700);
  const text = JSON.stringify(withDigest(saved));
  await writeFileAtomically(join(stateDirectory, FILE_NAME), text, FILE_MODE);
}

/**
 * Reads the view of the last run; `undefined` when there is none, or when it is of another mesh.
 *
 * @throws DiscoveryError `view-file` when it cannot be used; a snapshot replaces it
 */
export async function loadView(
  stateDirectory: string,
  bundle: TrustBundle,
): Promise<SavedView | undefined> {
  const path = join(stateDirectory, FILE_NAME);
  try {
    const saved: unknown = JSON.parse(await readFile(path, 'utf8'));
    checkDigest(saved);
    const { roots } = savedRoots.parse(saved);
    if (new Set(roots).isDisjointFrom(new Set(digests(bundle)))) return undefined;
    const view = savedView(bundle.trustDomain).parse(saved);
    const complete = view.complete && toScopes(view.complete);
    // What it lacks is not known to be absent.
    if (view.format === FORMATS.interest && complete === undefined)
      throw new TypeError('expected what the endpoints are all of');
    return { ...view, policy: view.policy, complete, federated: new Map(view.federated) };
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw new DiscoveryError('view-file', `expected the view of the last run in ${path}`, {
      cause,
      hint: 'nothing needs to be done, the control plane sends a new one',
    });
  }
}

function digests({ roots }: TrustBundle): string[] {
  return roots.map(({ fingerprint256 }) => fingerprint256);
}
