import type { Rule } from './rules.ts';

const OLD_ENGINE = { section: 'the engine on node:http', owner: 'proxy/gateway' } as const;

/** Bugs that are known and not mended yet; each with the part that has it. */
export const PENDING: readonly (Rule & { readonly owner: string })[] = [
  { reason: 'requests without a body are sent in chunks', kind: /^method$/, ours: /chunked/ },
  { reason: 'unknown methods are refused', kind: /^method$/, ours: /^400$|^$/ },
  { reason: 'pipelined requests overtake each other', kind: /^pipelined$/ },
  { reason: 'obs-text of answers is encoded again', kind: /^answer field$/, name: /obs-text/ },
  {
    reason: 'an absolute form that differs from Host is refused',
    name: /absolute form|^the target http:/,
  },
  { reason: 'HTTP/2.0 in HTTP/1 is taken', name: /"HTTP\/2\.0"/ },
  { reason: 'interim responses are lost', kind: /^(interim|expect)$/ },
  {
    reason: 'bodies of 204 and 205 are announced or lost',
    name: /^GET: (status 205|a body with 204|status 600)$/,
  },
  { reason: 'a Trailer is 502', kind: /^answer$/, name: /a Trailer/ },
  { reason: 'bytes after an answer destroy it', name: /bytes after an answer/ },
  { reason: 'reason phrases are lost', about: /^reason$/ },
  { reason: 'TE: trailers is not passed on', field: /^te$/ },
  { reason: 'blanks around a coding are refused', name: /^a coding with blanks/ },
  { reason: '204 says a length', name: /204 with a length/ },
  { reason: 'unknown codings of answers pass', name: /an unknown coding|a coding before chunks/ },
].map((rule) => Object.assign(rule, OLD_ENGINE));
