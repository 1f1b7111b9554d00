import { HauberkError, systemErrorCode } from '../../common/errors.ts';

/** Prometheus did not answer a question as it should. */
export class PrometheusError extends HauberkError<'prometheus-unavailable'> {}

/** Of what Node.js says about a certificate that does not convince it. */
const ITS_CERTIFICATE = /^(?:ERR_TLS_CERT|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** Of what the other end says about ours, or that it has seen none. */
const OUR_CERTIFICATE = /ALERT_.*(?:CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/;

/** What is wrong, and what to do. */
type Explanation = readonly [sentence: string, hint: string];

/** @param base where Prometheus is */
export function noHistory(base: string, cause: unknown): PrometheusError {
  const [sentence, hint] = explain(cause);
  return new PrometheusError(
    'prometheus-unavailable',
    `Prometheus at ${base} has no history to give: ${sentence}`,
    { cause, hint },
  );
}

/** An answer of 401 or 403. It says which of the two went wrong, and nothing of what was sent. */
export function accessRefused(status: number, authorization: string | undefined): PrometheusError {
  const [what, hint] =
    authorization === undefined
      ? [
          'it asks who we are',
          'give --prometheus-user with --prometheus-password-file, or --prometheus-token-file',
        ]
      : [
          'it refuses the credentials',
          'check the user and the file with the password, or the file with the token; it is read again for each question',
        ];
  return new PrometheusError('prometheus-unavailable', `${what} (${status})`, { hint });
}

function explain(cause: unknown): Explanation {
  const look = 'see that it runs, and that --prometheus leads to it';
  if (cause instanceof HauberkError) return [cause.message, cause.hint ?? look];
  const code = systemErrorCode(cause) ?? '';
  if (OUR_CERTIFICATE.test(code))
    return [
      'it asks for a certificate that it trusts',
      'give --prometheus-cert and --prometheus-key, of an authority that it knows',
    ];
  const message = cause instanceof Error ? reasonOf(cause) : String(cause);
  if (ITS_CERTIFICATE.test(code))
    return [
      `its certificate is not trusted: ${message}`,
      'name the authority of it with --prometheus-ca, and the host as it stands in the certificate',
    ];
  return [message, look];
}

/** Errors of OpenSSL have where it happened in their message, and what in a field. */
function reasonOf(error: Error & { readonly reason?: unknown }): string {
  return typeof error.reason === 'string' ? error.reason : error.message;
}
