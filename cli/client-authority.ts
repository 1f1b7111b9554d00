import { parseSpiffeId } from '../common/pki/spiffe-id.ts';
import type { AdminClient as AdminStub } from '../proto/gen/hauberk/v1/admin.ts';
import type * as wire from '../proto/gen/hauberk/v1/admin.ts';
import type { Ask } from './client-call.ts';

/** Somebody whom a rotation of the root waits for. */
export interface RotationBlockerInfo {
  readonly namespace: string;
  readonly service: string;
  /** Undefined when nobody was seen with the certificate. */
  readonly instanceId: string | undefined;
  readonly connected: boolean;
  /** The certificate that may be in use; undefined for a sidecar that has not taken up the bundle. */
  readonly serial: string | undefined;
  readonly notAfterMs: number | undefined;
}

/** How far a rotation of the root is. */
export interface RotationInfo {
  readonly phase: string;
  /** It was aborted, and goes back. */
  readonly returning: boolean;
  readonly fromDigest: string;
  readonly toDigest: string;
  readonly startedMs: number;
  readonly phaseStartedMs: number;
  /** Undefined for a routine rotation. */
  readonly deadlineMs: number | undefined;
  readonly done: number;
  readonly total: number;
  /** A hundred at most. */
  readonly blockers: readonly RotationBlockerInfo[];
  /** Sidecars that were not there, and hold nothing up; a hundred at most. */
  readonly away: readonly Pick<RotationBlockerInfo, 'namespace' | 'service' | 'instanceId'>[];
  readonly awayTotal: number;
}

/** Root and issuer. */
export interface AuthorityInfo {
  readonly rootDigest: string;
  readonly rootNotAfterMs: number;
  readonly rootKeyHere: boolean;
  readonly issuerSerial: string;
  readonly issuerNotAfterMs: number;
  readonly bundleVersion: number;
  /** Undefined when none is under way. */
  readonly rotation: RotationInfo | undefined;
}

/** The part of the operators' interface that is about root and issuer. */
export interface AuthorityClient {
  getAuthority(): Promise<AuthorityInfo>;
  rotateRoot(options: {
    readonly compromised: boolean;
    readonly graceSeconds: number;
  }): Promise<AuthorityInfo>;
  abortRotation(): Promise<AuthorityInfo>;
  /** A PKCS#10 request in PEM; `fresh` makes another key than the time before. */
  requestIssuer(request: { readonly fresh: boolean }): Promise<string>;
  /** A chain in PEM; `newRoot` permits a rotation to its root. */
  installIssuer(request: {
    readonly chain: string;
    readonly newRoot: boolean;
  }): Promise<AuthorityInfo>;
}

/** The calls, on a stub. */
export function authorityCalls(stub: AdminStub, ask: Ask): AuthorityClient {
  return {
    async getAuthority() {
      return toAuthority(
        await ask<wire.GetAuthorityResponse>((...rest) => stub.getAuthority({}, ...rest)),
      );
    },
    async rotateRoot(request) {
      return toAuthority(
        await ask<wire.RotateRootResponse>((...rest) => stub.rotateRoot(request, ...rest)),
      );
    },
    async requestIssuer(request) {
      const { csr } = await ask<wire.RequestIssuerResponse>((...rest) =>
        stub.requestIssuer(request, ...rest),
      );
      return csr;
    },
    async installIssuer(request) {
      return toAuthority(
        await ask<wire.InstallIssuerResponse>((...rest) => stub.installIssuer(request, ...rest)),
      );
    },
    async abortRotation() {
      return toAuthority(
        await ask<wire.AbortRotationResponse>((...rest) => stub.abortRotation({}, ...rest)),
      );
    },
  };
}

function toAuthority(answer: { readonly authority?: wire.Authority | undefined }): AuthorityInfo {
  const {
    rootDigest = '',
    rootNotAfterMs = 0,
    rootKeyHere = false,
    issuerSerial = '',
    issuerNotAfterMs = 0,
    bundleVersion = 0,
    rotation,
  } = answer.authority ?? {};
  return {
    rootDigest,
    rootNotAfterMs,
    rootKeyHere,
    issuerSerial,
    issuerNotAfterMs,
    bundleVersion,
    rotation: rotation === undefined ? undefined : toRotation(rotation),
  };
}

function toRotation(rotation: wire.RootRotation): RotationInfo {
  return {
    ...rotation,
    deadlineMs: rotation.deadlineMs || undefined,
    away: rotation.away.map(({ spiffeId, instanceId }) => ({ ...nameOf(spiffeId), instanceId })),
    blockers: rotation.blockers.map(({ spiffeId, instanceId, connected, serial, notAfterMs }) => ({
      ...nameOf(spiffeId),
      instanceId: instanceId || undefined,
      connected,
      serial: serial || undefined,
      notAfterMs: notAfterMs || undefined,
    })),
  };
}

function nameOf(uri: string): { namespace: string; service: string } {
  const { namespace, service } = parseSpiffeId(uri);
  return { namespace, service };
}
