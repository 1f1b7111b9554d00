import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileAtomically } from '../../common/atomic-file.ts';
import type { MeshPolicy } from '../../common/authorization/policy.ts';
import { storedDate } from '../../common/dates.ts';
import { systemErrorCode } from '../../common/errors.ts';
import { parsePemChain, toPem } from '../../common/pki/pem.ts';
import { makeDirectory } from '../../common/make-directory.ts';
import type { Revocation } from '../../common/pki/revocation.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import { fromPolicyMessage, toPolicyMessage } from '../../common/rpc/policy-message.ts';
import { DiscoveryError } from './discovery-error.ts';
import type { RootsByDomain } from './federation.ts';
import { fromEndpointMessage, toEndpointMessage } from './endpoint-message.ts';
import type { Endpoint } from './mesh-view.ts';

/** A view as it is saved. */
export interface SavedView {
  readonly version: number;
  readonly endpoints: readonly Endpoint[];
  readonly revocations: readonly Revocation[];
  /** Undefined when there was none. */
  readonly policy: MeshPolicy | undefined;
  /** Other trust domains. */
  readonly federated: RootsByDomain;
}

const FILE_NAME = 'view.json';
const FILE_MODE = 0o600;

const savedSchema = z.object({
  format: z.literal(2),
  /** Digests of the roots of the mesh that the view is of: versions of another mesh mean nothing. */
  roots: z.array(z.string()),
  version: z.int().nonnegative(),
  endpoints: z.array(
    z.object({
      instanceId: z.string(),
      spiffeId: z.string(),
      addresses: z.array(z.string()),
      hbonePort: z.number(),
      ports: z.array(z.number()),
      anyPort: z.boolean(),
      allAddresses: z.array(z.string()).default([]),
      contests: z
        .array(z.object({ address: z.string(), holder: z.string(), ports: z.array(z.number()) }))
        .default([]),
    }),
  ),
  revocations: z
    .array(
      z.object({
        spiffeId: z.string(),
        serial: z.string().optional(),
        notBeforeMs: storedDate.optional(),
        expiresMs: storedDate,
      }),
    )
    .default([]),
  /** Names and PEM. */
  federated: z.array(z.tuple([z.string(), z.string()])).default([]),
  policy: z
    .object({
      level: z.number(),
      configVersion: z.number(),
      fallback: z.string(),
      rules: z.array(
        z.object({
          name: z.string(),
          action: z.string(),
          audit: z.boolean(),
          to: z.array(z.string()),
          ports: z.array(z.number()),
          from: z.array(z.string()),
        }),
      ),
      egress: z
        .object({
          listed: z.boolean(),
          allowances: z.array(z.object({ from: z.array(z.string()), to: z.array(z.string()) })),
          destinations: z.array(
            z.object({
              host: z.string(),
              port: z.number(),
              hostname: z.string(),
              caFiles: z.array(z.string()),
              sanHostnames: z.array(z.string()),
              sanUris: z.array(z.string()),
              allowCommonName: z.boolean(),
              clientCertificate: z.string(),
              certificateFile: z.string(),
              keyFile: z.string(),
              minVersion: z.string(),
              alpn: z.array(z.string()),
              replaceHost: z.boolean().default(false),
            }),
          ),
        })
        .optional(),
    })
    .optional(),
});

/** Saves a view so that a crash leaves this one or the one before. Rejects with the system's error. */
export async function saveView(
  stateDirectory: string,
  { version, endpoints, revocations, policy, federated }: SavedView,
  bundle: TrustBundle,
): Promise<void> {
  const saved = {
    format: 2,
    roots: digests(bundle),
    version,
    endpoints: endpoints.map(toEndpointMessage),
    revocations: [...revocations],
    policy: policy === undefined ? undefined : toPolicyMessage(policy),
    federated: [...federated].map(([name, roots]) => [name, toPem(roots)]),
  };
  makeDirectory(stateDirectory, 0o700);
  await writeFileAtomically(join(stateDirectory, FILE_NAME), JSON.stringify(saved), FILE_MODE);
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
    const saved = savedSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    if (new Set(saved.roots).isDisjointFrom(new Set(digests(bundle)))) return undefined;
    const endpoints = saved.endpoints.map((one) => fromEndpointMessage(one, bundle.trustDomain));
    const policy =
      saved.policy && fromPolicyMessage({ ...saved.policy, egress: saved.policy.egress });
    const federated = new Map(saved.federated.map(([name, pem]) => [name, parsePemChain(pem)]));
    const { version, revocations } = saved;
    return { version, endpoints, revocations, policy, federated };
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
