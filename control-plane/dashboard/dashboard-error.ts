import { HauberkError } from '../../common/errors.ts';

/** Why the dashboard refuses a request: a label of `hauberk_dashboard_refused_total`. */
export const DASHBOARD_REFUSALS = [
  'foreign-host',
  'foreign-origin',
  'link-unknown',
  'session-missing',
  'session-expired',
  'read-only',
  'request-malformed',
  'not-found',
  'rate-limited',
  'prometheus-unavailable',
  'failed',
] as const;

/** One of them. */
export type DashboardRefusal = (typeof DASHBOARD_REFUSALS)[number];

/** A request that the dashboard refuses; the browser shows the sentence and the hint. */
export class DashboardError extends HauberkError<DashboardRefusal> {}

/** The status of HTTP for a refusal. */
export const REFUSAL_STATUS: Readonly<Record<DashboardRefusal, number>> = {
  'foreign-host': 421,
  'foreign-origin': 403,
  'link-unknown': 403,
  'session-missing': 401,
  'session-expired': 401,
  'read-only': 403,
  'request-malformed': 400,
  'not-found': 404,
  'rate-limited': 429,
  'prometheus-unavailable': 502,
  failed: 409,
};
