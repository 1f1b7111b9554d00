import { crossSign } from '../../../common/pki/authority.ts';
import type { Operation } from '../../store/store.ts';
import {
  BUNDLE_KEY,
  CA_KEYS,
  trustOf,
  type Authorities,
  type AuthorityPair,
} from '../authorities/authorities.ts';
import { CaError } from '../ca-error.ts';
import { encodeBundle, encodeIssuer, encodeRoot } from '../authorities/stored-authority.ts';
import {
  abort,
  abortRefusal,
  advance,
  begin,
  type NotAbortable,
  type Trust,
} from '../authorities/trust.ts';
import { encodeRetired, encodeRotation, type RetiredRoot } from '../authorities/stored-rotation.ts';

/** No join token lives longer: after this no sidecar can enrol that knows only a former root. */
const RETIRED_MS = 366 * 24 * 60 * 60 * 1000;

/** Each of them costs a kilobyte of every handshake with the control plane. */
const MAX_RETIRED = 4;

/** Enough for a sidecar that was cut off during several thefts and kept its connections. */
const MAX_WITHDRAWN = 4;

/** How to start. */
export interface BeginRotation {
  readonly pair: AuthorityPair;
  readonly trustDomain: string;
  readonly nowMs: number;
  /** The key of the current root is compromised: do not wait beyond this moment. */
  readonly deadlineMs?: number | undefined;
}

/** The changes of the store that start a rotation of a stable mesh. */
export function beginOperations(authorities: Authorities, options: BeginRotation): Operation[] {
  const { pair, trustDomain, nowMs, deadlineMs } = options;
  const { root } = authorities;
  const crossSignature =
    root.privateKey === undefined
      ? undefined
      : crossSign(root, pair.root.certificate, { trustDomain, nowMs });
  const to = trustOf({ ...authorities, ...pair }).signing;
  const bridged = crossSignature !== undefined;
  const next = begin(trustOf(authorities), to, { nowMs, bridged, deadlineMs });
  return [
    ...putTrust(authorities, next, [root.certificate, pair.root.certificate]),
    ...putRotation(next, crossSignature),
    { kind: 'put', key: CA_KEYS.otherRoot, value: encodeRoot(pair.root) },
    { kind: 'put', key: CA_KEYS.otherIssuer, value: encodeIssuer(pair.issuer) },
    ...(deadlineMs === undefined ? [] : [forgetTokens(nowMs)]),
  ];
}

/** The changes that make a routine rotation, which is under way, one after a theft of the key. */
export function deadlineOperations(
  { rotation }: Authorities,
  { nowMs, deadlineMs }: { readonly nowMs: number; readonly deadlineMs: number },
): Operation[] {
  if (rotation === undefined) return [];
  const value = encodeRotation({ ...rotation, rotation: { ...rotation.rotation, deadlineMs } });
  return [{ kind: 'put', key: CA_KEYS.rotation, value }, forgetTokens(nowMs)];
}

/** The changes that lead to the next phase. */
export function advanceOperations(authorities: Authorities, nowMs: number): Operation[] {
  const { rotation } = authorities;
  if (rotation === undefined) return [];
  const next = advance(trustOf(authorities), nowMs);
  if (next.rotation === undefined) {
    const wasStolen = rotation.rotation.deadlineMs !== undefined;
    if (!wasStolen) return [...stableAgain(authorities, next), ...retire(authorities, nowMs)];
    // Sidecars are told, so that they end what was made with certificates by the thief.
    const { bundle } = authorities;
    const stolen = [rotation.other.root.certificate, ...(bundle.withdrawn ?? [])];
    const withdrawn = { ...bundle, withdrawn: stolen.slice(0, MAX_WITHDRAWN) };
    return [
      ...stableAgain({ ...authorities, bundle: withdrawn }, next),
      ...retire(authorities, nowMs),
    ];
  }
  return swapped(authorities, rotation, next);
}

const REFUSALS: Record<NotAbortable, readonly [message: string, hint?: string]> = {
  'no-rotation': ['no rotation of the root is under way'],
  returning: ['the rotation is being aborted already', 'watch it with `hauberk ca status`'],
  compromised: [
    'the previous root is compromised and the new one signs already: the rotation cannot be aborted',
    'let it finish; `hauberk ca status` shows the progress',
  ],
};

/**
 * The changes that abort.
 *
 * @throws CaError `rotation-not-abortable`
 */
export function abortOperations(authorities: Authorities, nowMs: number): Operation[] {
  const { rotation } = authorities;
  const refusal = abortRefusal(trustOf(authorities));
  if (refusal !== undefined || rotation === undefined) {
    const [message, hint] = REFUSALS[refusal ?? 'no-rotation'];
    throw new CaError('rotation-not-abortable', message, { hint });
  }
  const next = abort(trustOf(authorities), nowMs);
  if (next.rotation === undefined) return stableAgain(authorities, next);
  return swapped(authorities, rotation, next);
}

function swapped(
  authorities: Authorities,
  { other, crossSignature }: NonNullable<Authorities['rotation']>,
  next: Trust,
): Operation[] {
  const { root, issuer } = authorities;
  return [
    ...putTrust(authorities, next, [other.root.certificate, root.certificate]),
    { kind: 'put', key: CA_KEYS.root, value: encodeRoot(other.root) },
    { kind: 'put', key: CA_KEYS.issuer, value: encodeIssuer(other.issuer) },
    { kind: 'put', key: CA_KEYS.otherRoot, value: encodeRoot(root) },
    { kind: 'put', key: CA_KEYS.otherIssuer, value: encodeIssuer(issuer) },
    ...putRotation(next, crossSignature),
  ];
}

/** One root again; the other one goes, and its key with it. */
function stableAgain(authorities: Authorities, next: Trust): Operation[] {
  return [
    ...putTrust(authorities, next, [authorities.root.certificate]),
    { kind: 'delete', key: CA_KEYS.rotation },
    { kind: 'delete', key: CA_KEYS.otherRoot },
    { kind: 'delete', key: CA_KEYS.otherIssuer },
  ];
}

/** A sidecar that knows only the former root can follow for a while, unless that is compromised. */
function retire({ rotation, retired }: Authorities, nowMs: number): Operation[] {
  // After an abort no sidecar knows only the root that goes: tokens pin the one that stays.
  if (rotation === undefined || rotation.rotation.returning) return [];
  const { crossSignature, other } = rotation;
  const { certificate } = other.root;
  const trusted = rotation.rotation.deadlineMs === undefined;
  // Without the cross-signature the way from those before ends here, too.
  const kept: readonly RetiredRoot[] =
    crossSignature !== undefined && trusted
      ? [{ certificate, crossSignature, untilMs: nowMs + RETIRED_MS }, ...retired].slice(
          0,
          MAX_RETIRED,
        )
      : [];
  return [{ kind: 'put', key: CA_KEYS.retired, value: encodeRetired(kept) }];
}

function putTrust(
  { bundle }: Authorities,
  { bundleVersion }: Trust,
  roots: Authorities['bundle']['roots'],
): Operation[] {
  const value = encodeBundle({ ...bundle, version: bundleVersion, roots });
  return [{ kind: 'put', key: BUNDLE_KEY, value }];
}

function putRotation(
  { rotation }: Trust,
  crossSignature: Parameters<typeof encodeRotation>[0]['crossSignature'],
): Operation[] {
  if (rotation === undefined) return [];
  return [
    { kind: 'put', key: CA_KEYS.rotation, value: encodeRotation({ rotation, crossSignature }) },
  ];
}

function forgetTokens(nowMs: number): Operation {
  return { kind: 'put', key: CA_KEYS.tokensNotBefore, value: Buffer.from(String(nowMs)) };
}
