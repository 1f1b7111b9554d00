import type { Rule } from './rules.ts';

const NONE = /^\(none\)$/;
/** The status, and whether the service saw anything. */
const OUTCOME = /^(status|count|end)$/;

/** What differs in responses: both are right, or ours alone is; reviewed one by one. */
export const EXPLAINED_RESPONSES: readonly Rule[] = [
  // Interim responses.
  {
    reason: 'clients of HTTP/1.0 get no interim responses',
    section: 'RFC 9110 section 15.2',
    name: / to HTTP\/1\.0$/,
    about: /^status$/,
    ours: /^200$/,
  },
  {
    reason:
      'nginx and Envoy know some interim responses and not others, and Envoy passes one 103 on; we pass all',
    section: 'RFC 9110 section 15.2',
    kind: /^(interim|expect)$/,
    about: /^status$/,
    ours: /^(1\d\d )+\d{3}$/,
    theirs: /^(1\d\d )*\d{3}$/,
  },
  {
    reason:
      'nginx answers 100 itself, passes that of the service on too, and sends a body that nobody asked for',
    section: 'RFC 9110 section 10.1.1: the expectation goes on, and the service decides',
    proxy: 'nginx',
    kind: /^expect$/,
    about: /^(status|field|body|whole|broken off)$/,
    field: /^(expect|)$/,
  },
  {
    reason: 'an expectation that is unknown is 417',
    section: 'RFC 9110 section 10.1.1',
    name: /^Expect of something else$/,
    about: OUTCOME,
    ours: /^417$|^$/,
  },

  // What services answer.
  {
    reason: 'nginx keeps X-Accel fields to itself',
    section: 'its documentation of proxy_pass_header',
    proxy: 'nginx',
    at: 'client',
    field: /^x-accel-/,
    theirs: NONE,
  },
  {
    reason: 'HEAD says no more of the framing of a body than the service did',
    section: 'RFC 9110 section 9.3.2',
    proxy: 'Envoy',
    kind: /^answer$/,
    name: /^HEAD/,
    field: /^transfer-encoding$/,
  },
  {
    reason:
      'an answer that can be read in two ways, or is none, is 502; nginx passes it or repairs it',
    section: 'RFC 9112 sections 5.2, 6.3 and 11',
    kind: /^answer$/,
    name: /GET: (the same length|two lengths|a length and chunks|a length with a sign|a negative length|a list of lengths|a bare|a line without|a status of|no status|status (099|600)|what is not|HTTP\/0\.9|a folded|an unknown coding|a coding before|HTTP\/2\.0|a null|a field without|a space before)/,
    at: 'client',
    ours: /^502$|^$|^no$/,
  },
  {
    reason: 'a 101 that nobody asked for is 502, and the connection to the service ends',
    section: 'RFC 9110 section 7.8',
    name: /^GET: a 101/,
    at: 'client',
    ours: /^502$|^$/,
  },
  {
    reason:
      'an answer that is cut short ends with a reset, so that it does not look complete; the others end without',
    section: 'RFC 9112 section 8',
    kind: /^(cut answer|answer)$/,
    at: 'client',
    about: /^end$/,
    ours: /^reset$/,
    theirs: /^(end|no)$/,
  },
  {
    reason:
      'a chunk that breaks the rules ends the answer; how much of it came before is a matter of reads',
    section: 'RFC 9112 section 7.1',
    name: /^GET: (a bad chunk size|a chunk that is too long)$/,
    at: 'client',
    about: /^(status|body|whole|framing)$/,
  },
  {
    reason:
      'Envoy says 503 where a service has closed before it answered; we say 502, as nginx does',
    section: 'RFC 9110 section 15.6.3',
    proxy: 'Envoy',
    kind: /^(answer|cut answer)$/,
    at: 'client',
    about: /^status$/,
    ours: /^502$/,
    theirs: /^503$/,
  },
  {
    reason:
      'Envoy gives up where a service sends a body with 204, or a WebSocket is not understood',
    section: 'RFC 9112 section 6.3: the body is not read',
    proxy: 'Envoy',
    name: /^GET: a body with 204$|^a WebSocket that is not understood$/,
    at: 'client',
  },
  {
    reason: 'Envoy takes a reset for the end of a body up to the end',
    section: 'RFC 9112 section 8',
    proxy: 'Envoy',
    kind: /^cut answer$/,
    name: /^UP_TO_END/,
    about: /^whole$/,
    ours: /^false$/,
  },
  {
    reason: 'Envoy writes the usual reason where a service gave none',
    section: 'RFC 9112 section 4: it may be empty',
    proxy: 'Envoy',
    at: 'client',
    about: /^reason$/,
    ours: /^$/,
  },
  {
    reason: 'an answer that cannot have trailers announces none',
    section: 'RFC 9110 section 6.6.2',
    at: 'client',
    field: /^trailer$/,
    ours: NONE,
  },
  {
    reason: 'the same length more than once is one length; Envoy refuses it, nginx loses it',
    section: 'RFC 9110 section 8.6',
    name: /^GET: (the same length twice|a list of lengths)$/,
    at: 'client',
  },
  {
    reason:
      'blanks before a colon are taken out of answers, and folded lines are one line; the others refuse one or the other',
    section: 'RFC 9112 sections 5.1 and 5.2',
    name: /^GET: (a space before the colon|a folded field)$/,
    at: 'client',
    about: /^status$/,
    ours: /^200$/,
  },
  {
    reason: '204 has no length',
    section: 'RFC 9110 section 8.6',
    name: /^GET: (204 with a length|a body with 204)$/,
    at: 'client',
    field: /^content-length$/,
    ours: NONE,
  },
  {
    reason: '205 has no body',
    section: 'RFC 9110 section 15.3.6',
    name: /^GET: status 205$/,
    at: 'client',
    about: /^(body|framing|field)$/,
  },
];
