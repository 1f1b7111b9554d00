import type {
  Authority,
  BundleRoot,
  FederatedDomain,
  ControlPlane,
  OperatorCredential,
  RevocationEntry,
  Token,
  Workload,
} from '../../../proto/gen/hauberk/v1/admin.ts';
import type { HistoryAnswer } from './history.ts';

/** What the browser may ask, and what it is answered: `GET /api/NAME`, and what it sends to change things. */
export interface Answers {
  readonly session: SessionAnswer;
  readonly mesh: MeshAnswer;
  readonly service: ServiceAnswer;
  readonly history: HistoryAnswer;
  readonly certificates: CertificatesAnswer;
  readonly authority: AuthorityAnswer;
  readonly log: LogAnswer;
  readonly access: AccessAnswer;
  readonly policy: PolicyAnswer;
  readonly explain: ExplainAnswer;
}

/** Who looks at which mesh. */
export interface SessionAnswer {
  readonly nowMs: number;
  readonly trustDomain: string;
  readonly softwareVersion: string;
  readonly mayChange: boolean;
}

/** A service is the sidecars of one identity. */
export interface ServiceNode {
  readonly namespace: string;
  readonly service: string;
  readonly instances: number;
  readonly connected: number;
  /** Ports that peers may call. */
  readonly ports: readonly number[];
  readonly anyPort: boolean;
  /** The sidecars of a gateway call others, and are called by clients that are no sidecars. */
  readonly callsOnly: boolean;
  /** Connections that passed unencrypted since the sidecars started. */
  readonly plaintext: number;
  readonly openConnections: number;
  /** The first of its certificates to expire; 0 where none is known. */
  readonly certificateNotAfterMs: number;
  /** Addresses that another identity holds. */
  readonly conflicts: number;
  /** Sidecars that have not acknowledged the view that is in force. */
  readonly behind: number;
}

/** The mesh as a whole. */
export interface MeshAnswer {
  readonly nowMs: number;
  readonly services: readonly ServiceNode[];
  readonly controlPlanes: readonly ControlPlane[];
  readonly keysEncrypted: boolean;
  readonly federated: readonly FederatedDomain[];
  readonly configVersion: number;
}

/** One service with its sidecars. */
export interface ServiceAnswer {
  readonly nowMs: number;
  readonly viewVersion: number;
  readonly instances: readonly Workload[];
  /** Routes that it is the parent of, in a sentence each. */
  readonly routes: readonly string[];
}

/** A line of the issuance log. */
export interface CertificateLine {
  readonly serial: string;
  readonly namespace: string;
  readonly service: string;
  readonly issuedMs: number;
  readonly notAfterMs: number;
  readonly proof: string;
  readonly tokenId?: string | undefined;
}

/** A part of the issuance log, newest first. */
export interface CertificatesAnswer {
  readonly nowMs: number;
  readonly certificates: readonly CertificateLine[];
  /** How many lines were searched. */
  readonly searched: number;
  /** There are lines that fit, and are not shown. */
  readonly more: boolean;
}

/** Whom the mesh trusts, and which certificates expire next. */
export interface AuthorityAnswer {
  readonly nowMs: number;
  readonly authority: Authority;
  readonly roots: readonly BundleRoot[];
  readonly expiring: readonly ExpiringCertificate[];
}

/** A certificate that a sidecar uses. */
export interface ExpiringCertificate {
  readonly namespace: string;
  readonly service: string;
  readonly instanceId: string;
  readonly serial: string;
  readonly notAfterMs: number;
  readonly connected: boolean;
}

/** Whether the issuance log is as it was written. */
export interface LogAnswer {
  readonly entries: number;
  readonly head: string;
  readonly findings: readonly string[];
}

/** What lets workloads and operators in, and what keeps them out. */
export interface AccessAnswer {
  readonly nowMs: number;
  readonly tokens: readonly Token[];
  readonly revocations: readonly RevocationEntry[];
  readonly operators: readonly OperatorCredential[];
}

/** One version of the mesh configuration in the list. */
export interface PolicyVersion {
  readonly version: number;
  readonly appliedMs: number;
  readonly origin: string;
}

/** A version of the mesh configuration, and what it changed. */
export interface PolicyAnswer {
  readonly version: number;
  readonly document: string;
  /** Against the version before; lines begin with a space, `+`, `-` or `@`. */
  readonly difference: readonly string[];
  readonly inForce: number;
  readonly versions: readonly PolicyVersion[];
  /** The file that the control plane takes it from. */
  readonly file?: string | undefined;
}

/** Whether a service may reach a port, and why. */
export interface ExplainAnswer {
  readonly from: string;
  readonly to: string;
  readonly verdict: 'allowed' | 'refused' | 'differs' | 'unknown' | 'not sent';
  /** The end of a sentence. */
  readonly why: string;
  /** Names of the rules that decide. */
  readonly rules: readonly string[];
  readonly perRequest: boolean;
  readonly route?: string | undefined;
  readonly endpoints: readonly {
    readonly instanceId: string;
    readonly verdict: string;
    readonly why: string;
  }[];
  readonly version: number;
  /** What is said of names that the mesh has never seen. */
  readonly warnings: readonly string[];
}

/** What a configuration would change. */
export interface DryRunAnswer {
  readonly difference: readonly string[];
  readonly mistakes: readonly {
    readonly line: number;
    readonly column: number;
    readonly sentence: string;
  }[];
  /** Connections between services that are there, which would be decided in another way. */
  readonly decisions: readonly ChangedDecision[];
  /** Not all pairs of services were looked at. */
  readonly truncated: boolean;
  readonly routes: readonly string[];
  readonly inForce: number;
}

/** A connection that would be decided in another way. */
export interface ChangedDecision {
  readonly from: string;
  readonly to: string;
  readonly before: string;
  readonly after: string;
  readonly why: string;
}

/** What is told of a request that was refused. */
export interface Refused {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}
