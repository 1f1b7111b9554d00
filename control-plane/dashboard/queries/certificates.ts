import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { required } from './query-context.ts';
import type {
  AccessAnswer,
  AuthorityAnswer,
  CertificatesAnswer,
  LogAnswer,
} from '../answers/answers.ts';
import type { QueryContext } from './query-context.ts';

/** What is searched: reading and sending more would make the others wait, who want certificates. */
const MAX_SEARCHED = 5_000;

/** More than a person looks through. */
const MAX_LINES = 200;

/** What expires next is at the top; who wants all asks `hauberk status`. */
const MAX_EXPIRING = 100;

/** The newest lines of the issuance log that have the text in them. */
export async function certificatesAnswer(
  { actions, clock }: QueryContext,
  { text }: { readonly text: string },
): Promise<CertificatesAnswer> {
  const { certificates } = await actions.listCertificates.action({ limit: MAX_SEARCHED });
  const wanted = text.trim().toLowerCase();
  const fitting = certificates
    .map(({ spiffeId, ...line }) => {
      const { namespace, service } = parseSpiffeId(spiffeId);
      return { ...line, namespace, service };
    })
    .filter(({ serial, namespace, service, proof, tokenId = '' }) =>
      `${namespace}/${service} ${service}.${namespace} ${serial} ${proof} ${tokenId}`
        .toLowerCase()
        .includes(wanted),
    );
  return {
    nowMs: clock.epochMs(),
    certificates: fitting.slice(0, MAX_LINES),
    searched: certificates.length,
    more: fitting.length > MAX_LINES || certificates.length === MAX_SEARCHED,
  };
}

/** Root and issuer, the bundle, and the certificates in use in the order of their ends. */
export async function authorityAnswer({ actions, clock }: QueryContext): Promise<AuthorityAnswer> {
  const { authority } = await actions.getAuthority.action({});
  const { bundle } = await actions.listBundle.action({});
  const { workloads } = await actions.listWorkloads.action({});
  const inUse = workloads
    .filter(({ certificateNotAfterMs }) => certificateNotAfterMs > 0)
    .sort((a, b) => a.certificateNotAfterMs - b.certificateNotAfterMs)
    .slice(0, MAX_EXPIRING);
  return {
    nowMs: clock.epochMs(),
    authority: required(authority),
    roots: required(bundle).roots,
    expiring: inUse.map(({ spiffeId, instanceId, connected, ...certificate }) => {
      const { namespace, service } = parseSpiffeId(spiffeId);
      const { certificateSerial: serial, certificateNotAfterMs: notAfterMs } = certificate;
      return { namespace, service, instanceId, connected, serial, notAfterMs };
    }),
  };
}

/** Checks the chain over the issuance log. */
export async function logAnswer({ actions }: QueryContext): Promise<LogAnswer> {
  const verified = await actions.verifyCertificates.action({ sequence: 0, hash: '' });
  const { entries, headSequence, headHash, findings } = verified;
  return { entries, head: `${headSequence}:${headHash}`, findings };
}

/** Tokens, revocations, and the credentials of operators. */
export async function accessAnswer({ actions, clock }: QueryContext): Promise<AccessAnswer> {
  const { tokens } = await actions.listTokens.action({});
  const { revocations } = await actions.listRevocations.action({});
  const { credentials } = await actions.listOperators.action({});
  return { nowMs: clock.epochMs(), tokens, revocations, operators: credentials };
}
