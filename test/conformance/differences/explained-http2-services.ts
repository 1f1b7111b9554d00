import type { Rule } from './rules.ts';

/** What differs before services of HTTP/2: both are right, or ours alone is; reviewed one by one. */
export const EXPLAINED_HTTP2_SERVICES: readonly Rule[] = [
  {
    reason: 'nginx names itself in answers of services of HTTP/2 that name none',
    section: 'RFC 9110 section 10.2.4',
    proxy: 'nginx',
    at: 'client',
    field: /^server$/,
    ours: /^\(none\)$/,
  },
  {
    reason:
      'HTTP/2 has no reason phrases: each proxy gives those that it knows, ours the registered ones',
    section: 'RFC 9113 section 8.3.1, RFC 9110 section 15',
    at: 'client',
    about: /^reason$/,
  },
  {
    reason:
      'nginx says a length of 0 of answers that end with their head, also where it would be that of another body',
    section: 'RFC 9110 section 8.6',
    proxy: 'nginx',
    at: 'client',
    field: /^content-length$/,
    theirs: /^"0"$/,
  },
  {
    reason:
      'a WebSocket is asked only of a service of HTTP/2 that offers them; nginx asks it for a page instead, Envoy asks all',
    section: 'RFC 8441 section 3',
    kind: /^upgrade$/,
  },
  {
    reason: 'nginx writes TE where it likes, and takes `trailers` out of a list',
    section: 'RFC 9110 section 10.1.4',
    proxy: 'nginx',
    at: 'service',
    name: /TE/i,
    about: /^(order|field)$/,
  },
  {
    reason: 'nginx leaves tabs around a value, which HTTP/2 does not allow',
    section: 'RFC 9113 section 8.2.1',
    proxy: 'nginx',
    at: 'service',
    field: /^x-a$/,
    theirs: /\\t/,
  },
  {
    reason: 'Cookie is put together again for HTTP/1, in answers too, where it means nothing',
    section: 'RFC 9113 section 8.2.3',
    proxy: 'nginx',
    at: 'client',
    field: /^cookie$/,
  },
  {
    reason:
      'nginx passes the Host line on as it was told to, though the absolute form wins, which may name another',
    section: 'RFC 9112 section 3.2.2',
    proxy: 'nginx',
    at: 'service',
    about: /^start$/,
    name: /^the absolute form|^the target http:/,
  },
  {
    reason:
      'a request of HTTP/1.0 without a Host is for the service of the route; nginx names none',
    section: 'RFC 9112 section 3.2',
    proxy: 'nginx',
    at: 'service',
    about: /^start$/,
    kind: /^version$/,
    theirs: / http:\/\/\//,
  },
  {
    reason: 'the last proxy asks for the server as a whole where an absolute form has no path',
    section: 'RFC 9112 section 3.2.4',
    at: 'service',
    about: /^start$/,
    name: /^OPTIONS in absolute form/,
    ours: /\* HTTP\/2$/,
  },
  {
    reason:
      'an answer that is reset in the moment in which it comes is broken off at once, or after its head',
    section: 'RFC 9113 section 8.1',
    proxy: 'Envoy',
    at: 'client',
    about: /^status$/,
    name: /a reset after/,
    ours: /^$/,
  },
];
