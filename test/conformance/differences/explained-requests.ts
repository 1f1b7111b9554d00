import type { Rule } from './rules.ts';

const NONE = /^\(none\)$/;
/** The status, and whether the service saw anything. */
const OUTCOME = /^(status|count|end)$/;

/** What differs in requests: both are right, or ours alone is; reviewed one by one. */
export const EXPLAINED_REQUESTS: readonly Rule[] = [
  {
    reason: 'a Date is added to an answer that has none, or is left to the service',
    section: 'RFC 9110 section 6.6.1',
    at: 'client',
    field: /^date$/,
  },
  {
    reason: 'nginx gives a body in chunks a length when it has all of it before it connects',
    section: 'RFC 9112 section 6.1',
    proxy: 'nginx',
    at: 'service',
    about: /^(framing|field)$/,
    field: /^(transfer-encoding|content-length|)$/,
    ours: /chunked|^\(none\)$/,
    theirs: /length|^\(none\)$|^"\d+"$/,
    kind: /^(method|framing|trailers|split|pipelined|request field)$/,
  },
  {
    reason: 'nginx passes no trailers on',
    section: 'RFC 9110 section 6.5.1',
    proxy: 'nginx',
    about: /^trailers$/,
    theirs: /^$/,
  },
  {
    reason: 'Envoy says Content-Length: 0 of a request without a body, whatever the method',
    section: 'RFC 9110 section 8.6: only methods that anticipate a body should',
    proxy: 'Envoy',
    at: 'service',
    about: /^(framing|field)$/,
    field: /^(content-length|)$/,
    ours: /^(\(none\)|none)$/,
    theirs: /^("0"|length)$/,
  },
  {
    reason:
      'Envoy appends the address of the machine for a client on loopback, and says whether a client is outside',
    section: 'docs/gateway.md',
    proxy: 'Envoy',
    at: 'service',
    field:
      /^(x-forwarded-for|x-envoy-external-address|x-envoy-internal|x-forwarded-proto|x-request-id)$/,
  },
  // What the service sees.
  {
    reason:
      'what Connection names, and what is for one connection alone, is not passed on; nginx and Envoy pass some of it',
    section: 'RFC 9110 section 7.6.1',
    field:
      /^(x-secret|x-more|proxy-connection|upgrade|http2-settings|proxy-authorization|proxy-authenticate)$/,
    ours: NONE,
  },
  {
    reason:
      'what could be taken for the word of the gateway is taken away; the others have to be told so',
    section: 'docs/gateway.md, what a service is told',
    kind: /^request field$/,
    at: 'service',
    field: /^(x-forwarded-.*|x_forwarded_for|forwarded|x-real-ip)$/,
    ours: NONE,
  },
  {
    reason: 'cookies in several lines may be put into one, as HTTP/2 needs it',
    section: 'RFC 6265 section 5.4, RFC 9113 section 8.2.3',
    at: 'service',
    field: /^cookie$/,
  },
  {
    reason: 'a length is written in one way; zeros before it mean nothing',
    section: 'RFC 9110 section 8.6',
    name: /^a length with zeros/,
    field: /^content-length$/,
  },
  {
    reason: 'every service of HTTP/1.1 needs a Host, which HTTP/1.0 may have left out',
    section: 'RFC 9112 section 3.2',
    proxy: 'nginx',
    name: /^HTTP\/1\.0, "",/,
    field: /^host$/,
    theirs: NONE,
  },
  {
    reason: 'Upgrade is written where each proxy writes it',
    section: 'RFC 9110 section 5.3: the order of different fields means nothing',
    name: /WebSocket|Upgrade/,
    about: /^order$/,
  },
  {
    reason: 'a reader of protocol names does not mind their letters',
    section: 'RFC 9110 section 7.8',
    kind: /^upgrade$/,
    field: /^upgrade$/,
  },

  // Requests that are refused.
  {
    reason:
      'a path that leads up, or decodes to one that does, is refused: a prefix of a route would not mean what it says',
    section: 'docs/gateway.md, routes',
    kind: /^target$/,
    name: /^the target (\/\.{1,2}$|.*\/(\.|%2e){1,2}(\/|;|\\|%2f|%5c|$)|.*%2f|.*%5c|.*\\)/i,
    about: OUTCOME,
    ours: /^400$|^$/,
  },
  {
    reason:
      'Envoy and nginx read percent signs that no byte follows, or a null byte, as mistakes; they are not ours to decode',
    section: 'RFC 9110 section 7.7',
    proxy: 'nginx',
    name: /^the target \/(%zz|%|a%00b)$/,
    about: OUTCOME,
    theirs: /^400$|^$/,
  },
  {
    reason: 'a target has no bytes beyond ASCII',
    section: 'RFC 3986 section 2, RFC 9112 section 3.2',
    name: /^the target \/a\xe9b$/,
    about: OUTCOME,
    ours: /^400$|^$/,
  },
  {
    reason: 'the absolute form is for http and https, without user information',
    section: 'RFC 9110 section 4.2.4, RFC 9112 section 3.2.2',
    name: /^the target (ftp|http:\/\/u@)/,
    about: OUTCOME,
    ours: /^400$|^$/,
  },
  {
    reason: 'nginx writes the host of an absolute form in small letters',
    section: 'RFC 9110 section 4.2.3',
    proxy: 'nginx',
    name: /^the target http:\/\/A\.TEST/,
    field: /^host$/,
  },
  {
    reason: 'nginx passes the Host line on as it was told to, though the absolute form wins',
    section: 'RFC 9112 section 3.2.2',
    proxy: 'nginx',
    at: 'service',
    name: /absolute form|^the target https?:/,
    field: /^host$/,
  },
  {
    reason:
      'Envoy has no route for a target without a path, or for the server as a whole, and none for https without TLS',
    section: 'RFC 9112 sections 3.2.2 and 3.2.4',
    proxy: 'Envoy',
    name: /^the target (http:\/\/a\.test\?y|https:)|^OPTIONS/,
    about: OUTCOME,
    theirs: /^40[34]$|^$/,
  },
  {
    reason: 'nginx proxies no OPTIONS *',
    section: 'RFC 9112 section 3.2.4',
    proxy: 'nginx',
    name: /^OPTIONS/,
    about: OUTCOME,
    theirs: /^400$|^$/,
  },
  {
    reason: 'a Host that is none by the grammar, or more than one, is refused',
    section: 'RFC 9112 section 3.2',
    kind: /^host$/,
    name: /^the host line/,
    about: OUTCOME,
    ours: /^400$|^$/,
  },
  {
    reason: 'nginx refuses tabs before a host, and dots in a row',
    section: 'RFC 9110 section 5.5, RFC 3986 section 3.2.2: both are allowed',
    proxy: 'nginx',
    name: /^the host line "Host: (\\t|a\.\.)/,
    about: OUTCOME,
    theirs: /^400$|^$/,
  },
  {
    reason:
      'another minor or major version than 1.0 and 1.1 is refused, whatever the others make of it',
    section: 'RFC 9112 section 2.3',
    name: /^the version/,
    about: OUTCOME,
    ours: /^(400|505)$|^$/,
  },
  {
    reason: 'Envoy takes no HTTP/1.0 without a Host',
    section: 'RFC 9112 section 3.2: only HTTP/1.1 has to have it',
    proxy: 'Envoy',
    name: /^HTTP\/1\.0, "",/,
    about: OUTCOME,
    theirs: /^400$|^$/,
  },
  {
    reason: 'Envoy knows the methods of a list, and refuses the others',
    section: 'RFC 9110 section 9.1: unknown methods are for the origin to judge',
    proxy: 'Envoy',
    kind: /^method$/,
    about: OUTCOME,
    theirs: /^400$|^$/,
  },
  {
    reason: 'nginx refuses methods with other characters than capitals, `-` and `_`',
    section: 'RFC 9110 section 9.1',
    proxy: 'nginx',
    kind: /^method$/,
    name: /^[^ ]*[.!][^ ]* /,
    about: OUTCOME,
    theirs: /^400$|^$/,
  },
  {
    reason: 'blanks in a chunk extension are bad whitespace, which a server may refuse',
    section: 'RFC 9112 section 7.1.1',
    name: /^a chunk extension with blanks$/,
    about: OUTCOME,
    ours: /^400$|^$/,
  },
  {
    reason: 'nginx does not know a coding with blanks around it',
    section: 'RFC 9110 section 5.5',
    proxy: 'nginx',
    name: /^a coding with blanks/,
    about: OUTCOME,
  },
  {
    reason:
      'a request that is cut off is answered with 400 where the client still listens; the others only close',
    section: 'RFC 9112 section 8',
    kind: /^cut request$/,
    at: 'client',
    about: OUTCOME,
    ours: /^(400|408)$|^$/,
    theirs: /^(400|408)$|^$/,
  },
  {
    reason:
      'Envoy and nginx upgrade or refuse to upgrade to what they were not told; we answer in HTTP/1.1 as if it were not there',
    section: 'RFC 9110 section 7.8',
    proxy: 'Envoy',
    name: /Upgrade to something else/,
    about: OUTCOME,
    theirs: /^403$|^$/,
  },
  {
    reason: 'a client that breaks off in the middle of a body is reset; the others only close',
    section: 'RFC 9112 section 8',
    kind: /^cut request$/,
    at: 'client',
    about: /^end$/,
    ours: /^reset$/,
  },
  {
    reason: 'nginx passes no TE on, without which no service sends trailers',
    section: 'RFC 9110 section 10.1.4',
    proxy: 'nginx',
    at: 'service',
    field: /^te$/,
    theirs: NONE,
  },
  {
    reason: 'the last proxy asks for the server as a whole where an absolute form has no path',
    section: 'RFC 9112 section 3.2.4',
    name: /^OPTIONS in absolute form/,
    at: 'service',
    about: /^start$/,
    ours: /^OPTIONS \* /,
  },
  {
    reason: 'nginx resets streams of HTTP/2 whose requests have trailers',
    section: 'RFC 9113 section 8.1',
    proxy: 'nginx',
    kind: /^trailers$/,
    name: /^(a|two) trailers?( |$)/,
    about: OUTCOME,
    theirs: /^(reset)?$/,
  },
];
