import { describeError } from '../../../common/errors.ts';
import type { Refusal } from '../../http/forward/refusal.ts';

/** What logs and metrics call the route of a request that no rule is for. */
export const NO_RULE = '-';

/** What the log says of a request that was not answered by a backend, or not to the end. */
export function refusalSentence(
  { service, route }: { readonly service: string; readonly route: string },
  { reason, answer, cause }: Refusal,
): string {
  const by = route === NO_RULE ? '' : ` by the route ${route}`;
  const detail = cause === undefined ? '' : ` (${describeError(cause)})`;
  return `a request to ${service}${by} was not answered by a backend (${reason}): ${answer.message}${detail}`;
}
