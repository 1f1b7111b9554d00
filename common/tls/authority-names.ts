import { getCACertificates, setDefaultCACertificates, type SecureContextOptions } from 'node:tls';

/**
 * Up to so many characters of PEM the authorities are named, which some clients choose their
 * certificate by: a few roots. The names are a part of what is counted, so they are shorter still.
 */
const MAX_NAMED_CHARACTERS = 16 * 1024;

/**
 * Makes a TLS server, or sets its context, with `make`, and sees to it that it does not name more than
 * a few authorities.
 *
 * Node names each certificate of `ca` in the CertificateRequest (RFC 8446 section 4.2.4). The list may
 * have 65,535 bytes; beyond, every handshake fails. A server that trusts more than a few authorities
 * names none: they are handed over as the default ones, which are trusted and not named.
 *
 * @param make is called at once, with the options that it must use and add nothing to `ca`
 */
export function withBoundedNames<Options extends SecureContextOptions, Made>(
  options: Options,
  make: (options: Options) => Made,
): Made {
  const { ca } = options;
  const authorities = Array.isArray(ca) ? ca : [];
  const size = authorities.reduce((sum, authority) => sum + authority.length, 0);
  if (size <= MAX_NAMED_CHARACTERS) return make(options);
  const defaults = getCACertificates('default');
  setDefaultCACertificates(authorities);
  try {
    return make({ ...options, ca: undefined });
  } finally {
    setDefaultCACertificates(defaults);
  }
}
