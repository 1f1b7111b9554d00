import type { Exchange } from '../exchange.ts';
import { ANSWER_EXCHANGES } from './answers.ts';
import { CUT_EXCHANGES } from './cuts.ts';
import { FIELD_EXCHANGES } from './fields.ts';
import { FRAMING_EXCHANGES } from './framings.ts';
import { INTERIM_EXCHANGES } from './interim.ts';
import { METHOD_EXCHANGES } from './methods.ts';
import { TARGET_EXCHANGES } from './targets.ts';

/** What is sent over HTTP/1.1 through every proxy. */
export const EXCHANGES: readonly Exchange[] = [
  ...METHOD_EXCHANGES,
  ...FRAMING_EXCHANGES,
  ...FIELD_EXCHANGES,
  ...TARGET_EXCHANGES,
  ...INTERIM_EXCHANGES,
  ...ANSWER_EXCHANGES,
  ...CUT_EXCHANGES,
];
