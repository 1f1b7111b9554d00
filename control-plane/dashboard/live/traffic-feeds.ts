import { z } from 'zod';
import { isLabel } from '../../../common/names.ts';
import type { TapFilter } from '../../../proto/gen/hauberk/v1/traffic.ts';
import type { TrafficSource } from '../../traffic/traffic.ts';
import { toTapAnswer } from './tap.ts';
import { parse } from '../queries/queries.ts';
import { toFigures } from './figures.ts';
import type { Topic } from './live.ts';

/** A picture that changes more often is not read. */
const INTERVAL_MS = 2_000;

/** What a person can follow; what is left out is counted. */
const EVENTS_PER_SECOND = 50;

/** What passes between services, while a browser looks. */
export function figuresTopic(traffic: TrafficSource): Topic {
  return ({ tell, isReady }) => {
    const question = { services: [], intervalMs: INTERVAL_MS, historySeconds: 0, local: false };
    const next = (response: Parameters<typeof toFigures>[0]): void => {
      if (!response.history) tell(JSON.stringify(toFigures(response)));
    };
    return traffic.watch(question, { isReady, next });
  };
}

const MAX_TEXT_CHARACTERS = 300;
const name = z
  .string()
  .max(MAX_TEXT_CHARACTERS)
  .transform((text) => text.trim())
  .transform((text) => (text === '' ? undefined : text.split('.')))
  .refine((parts) => parts === undefined || parts.every(isLabel), 'expected SERVICE.NAMESPACE')
  .transform((parts) => parts && { service: parts[0] ?? '', namespace: parts[1] ?? 'default' })
  .optional();

const tapQuestion = z.object({
  from: name,
  to: name,
  port: z.coerce.number().int().min(0).max(65_535).default(0),
  path: z.string().max(MAX_TEXT_CHARACTERS).default(''),
  peer: z.string().max(MAX_TEXT_CHARACTERS).default(''),
  status: z.string().max(MAX_TEXT_CHARACTERS).default(''),
  method: z.string().max(MAX_TEXT_CHARACTERS).default(''),
});

/** Connections and requests as they happen, by the filter that the browser has. */
export function tapTopic(traffic: TrafficSource): Topic {
  return ({ tell, isReady, question, origin }) => {
    const { from, to, port, path, peer, status, method } = parse(tapQuestion, question);
    const filter: TapFilter = {
      from,
      to,
      port,
      pathPrefix: path,
      peer,
      status: status.split(/[\s,]+/).filter(Boolean),
      method: method.toUpperCase(),
    };
    return traffic.tap(
      { filter, eventsPerSecond: EVENTS_PER_SECOND, local: false },
      { isReady, next: (response) => tell(JSON.stringify(toTapAnswer(response))) },
      origin,
    );
  };
}
