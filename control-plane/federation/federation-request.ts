import { describeError, translating } from '../../common/errors.ts';
import { isTrustDomain } from '../../common/pki/spiffe-id.ts';
import { parseBundleFile, type SpiffeBundle } from '../../common/pki/spiffe-bundle.ts';
import { FederationError } from './federation-error.ts';
import type { FederationSource } from './federation-record.ts';

/** How an operator asks for a federation. */
export interface FederationRequest {
  readonly trustDomain: string;
  /** A SPIFFE bundle, or roots in PEM. */
  readonly document: string | undefined;
  readonly url: string | undefined;
  readonly endpointId: string | undefined;
}

/**
 * Checks a request.
 *
 * @param own the trust domain of the mesh
 * @throws FederationError `federation-invalid`
 */
export function readRequest(
  { trustDomain, document, url, endpointId }: FederationRequest,
  own: string,
): { readonly source: FederationSource; readonly bundle: SpiffeBundle | undefined } {
  if (!isTrustDomain(trustDomain)) {
    throw invalid(`expected a trust domain, got ${JSON.stringify(trustDomain.slice(0, 255))}`);
  }
  if (trustDomain === own) {
    throw invalid(`${own} is the trust domain of the mesh itself`, 'leave out --trust-domain');
  }
  if (document === undefined && url === undefined) {
    throw invalid('expected a bundle, or the URL of an endpoint that has it');
  }
  const bundle =
    document === undefined
      ? undefined
      : translating(
          () => parseBundleFile(document, trustDomain),
          (cause) => invalid(describeError(cause)),
        );
  const source: FederationSource = {
    trustDomain,
    url: url === undefined ? undefined : readUrl(url),
    endpointId: endpointId === undefined ? undefined : readId(endpointId, trustDomain),
  };
  if (source.endpointId !== undefined && (source.url === undefined || bundle === undefined)) {
    throw invalid(
      'an endpoint with a SPIFFE ID is verified by a bundle that is known already',
      'give --url, and its present bundle with --file',
    );
  }
  return { source, bundle };
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw invalid('expected the URL of a bundle endpoint, https:// and without a password in it');
  }
  return url.href;
}

/** SPIFFE-ID section 2: endpoints of other implementations have paths of their own. */
const PATH = /^(?:\/[A-Za-z0-9._-]+)+$/;

function readId(text: string, trustDomain: string): string {
  const prefix = `spiffe://${trustDomain}`;
  if (text.length <= 2048 && text.startsWith(prefix) && PATH.test(text.slice(prefix.length))) {
    return text;
  }
  throw invalid(`expected a SPIFFE ID of ${trustDomain} for the endpoint`);
}

function invalid(message: string, hint?: string): FederationError {
  return new FederationError('federation-invalid', message, { hint });
}
