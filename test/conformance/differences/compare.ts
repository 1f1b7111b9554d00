import type { Exchange } from '../exchange.ts';
import type { RecordedMessage } from '../record/read-messages.ts';
import { statusOf } from '../record/read-messages.ts';
import type { Observation } from '../record/observe.ts';
import type { SeenMessage } from '../record/recording-service.ts';

/** Something that one proxy does in another way than another. */
export interface Difference {
  /** Who saw it. */
  readonly at: 'service' | 'client';
  /** What it is about: `status`, `body`, `field`, … */
  readonly about: string;
  /** The name of a field, in lower case. */
  readonly field?: string;
  readonly ours: string;
  readonly theirs: string;
}

/** Everything in which two proxies differ in one exchange. */
export function compare(
  { answer, cut }: Exchange,
  ours: Observation,
  theirs: Observation,
): Difference[] {
  // What a proxy says when it answers by itself is its own matter, but for the status.
  const isPassedOn = (message: RecordedMessage): boolean =>
    answer.pieces.join('').includes(` ${statusOf(message)}`);
  // Whether the beginning of a request that never ends gets through is a matter of moments, and so it is of one that the proxy
  // itself breaks off.
  const seen = ({ service, client }: Observation) => {
    const isRefused = client.ended === 'reset' && client.responses.length === 0;
    return cut === undefined && !isRefused ? service : service.filter(({ isWhole }) => isWhole);
  };
  return [...compareService(seen(ours), seen(theirs)), ...compareClient(ours, theirs, isPassedOn)];
}

function compareService(
  ours: readonly SeenMessage[],
  theirs: readonly SeenMessage[],
): Difference[] {
  const at = 'service' as const;
  const counts = differ(
    at,
    'count',
    ours.map(startOf).join(' | '),
    theirs.map(startOf).join(' | '),
  );
  const pairs = zip(ours, theirs);
  return [
    ...(ours.length === theirs.length ? [] : counts),
    ...pairs.flatMap(([a, b]) =>
      differ(at, 'start', a.start, b.start).concat(
        compareMessage(at, a, b),
        differ(at, 'broken off', String(a.brokenOff), String(b.brokenOff)),
      ),
    ),
  ];
}

function compareClient(
  ours: Observation,
  theirs: Observation,
  isPassedOn: (message: RecordedMessage) => boolean,
): Difference[] {
  const at = 'client' as const;
  const [a, b] = [ours.client, theirs.client];
  const statuses = differ(at, 'status', statusesOf(a.responses), statusesOf(b.responses));
  return [
    ...statuses,
    ...differ(at, 'rest', a.rest, b.rest),
    ...differ(at, 'end', a.ended, b.ended),
    ...(statuses.length > 0
      ? []
      : zip(a.responses, b.responses)
          .filter(([one]) => isPassedOn(one))
          .flatMap(([one, other]) =>
            differ(at, 'reason', reasonOf(one), reasonOf(other)).concat(
              compareMessage(at, one, other),
            ),
          )),
  ];
}

function compareMessage(
  at: Difference['at'],
  a: RecordedMessage,
  b: RecordedMessage,
): Difference[] {
  return [
    ...compareFields(at, a, b),
    ...differ(at, 'framing', a.framing, b.framing),
    ...differ(at, 'body', shorten(a.body), shorten(b.body)),
    ...differ(at, 'trailers', linesOf(a.trailers), linesOf(b.trailers)),
    ...differ(at, 'whole', String(a.isWhole), String(b.isWhole)),
  ];
}

/** Names in any letters; the values of one name in their order. */
function compareFields(at: Difference['at'], a: RecordedMessage, b: RecordedMessage): Difference[] {
  const [ours, theirs] = [byName(a), byName(b)];
  const names = new Set([...ours.keys(), ...theirs.keys()]);
  const differing = [...names]
    .filter((field) => !OF_THE_CONNECTION.has(field))
    .flatMap((field) => differ(at, 'field', show(ours.get(field)), show(theirs.get(field)), field));
  // Order matters among names that both have, and that each has as often.
  const isShared = (name: string): boolean =>
    !OWN_PLACE.has(name) && ours.get(name)?.join('\n') === theirs.get(name)?.join('\n');
  const orderOf = (message: RecordedMessage): string =>
    message.fields
      .map(([name]) => name.toLowerCase())
      .filter(isShared)
      .join(' ');
  return [...differing, ...differ(at, 'order', orderOf(a), orderOf(b))];
}

/** What is said to the next one alone (RFC 9110 section 7.6.1); that nothing of it is passed on is tested by itself. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set(['connection', 'keep-alive']);

/** Every proxy writes these where it likes. */
const OWN_PLACE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'x-forwarded-for',
  'x-forwarded-proto',
  'date',
  'server',
]);

function byName({ fields }: RecordedMessage): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    found.set(key, [...(found.get(key) ?? []), value]);
  }
  return found;
}

function show(values: readonly string[] | undefined): string {
  return values === undefined ? '(none)' : values.map((value) => JSON.stringify(value)).join(', ');
}

function differ(
  at: Difference['at'],
  about: string,
  ours: string,
  theirs: string,
  field?: string,
): Difference[] {
  if (ours === theirs) return [];
  return [{ at, about, ours, theirs, ...(field !== undefined && { field }) }];
}

function statusesOf(responses: readonly RecordedMessage[]): string {
  return responses.map(statusOf).join(' ');
}

const startOf = ({ start }: RecordedMessage): string => start;

function reasonOf({ start }: RecordedMessage): string {
  return start.replace(/^HTTP\/1\.[01] \d{3} ?/, '');
}

/** Order and letters of trailers are not what matters. */
function linesOf(fields: RecordedMessage['trailers']): string {
  return fields
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .toSorted((a, b) => a.localeCompare(b))
    .join('\n');
}

function shorten(body: string): string {
  return body.length <= 200
    ? body
    : `${body.length} bytes, ${body.slice(0, 100)} ... ${body.slice(-50)}`;
}

function zip<T>(a: readonly T[], b: readonly T[]): [T, T][] {
  return a.slice(0, b.length).map((one, at) => [one, b[at] as T]);
}
