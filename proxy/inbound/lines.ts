import { BUDGET_REFUSALS, type BudgetRefusal } from '../../common/budget/budget-error.ts';
import type { Decision, DenialReason } from '../../common/authorization/authorize.ts';
import type { HttpRequest } from '../../common/authorization/request-condition.ts';
import { portOf } from '../metrics/peers.ts';
import type { Termination } from '../policy/live-connections.ts';
import type { IncomingStream } from '../tunnel/tunnel.ts';
import type { Refusal } from './admission.ts';
import type { InboundContext } from './context.ts';

/** An authority is of any length and content; the log takes this much of it. */
const MAX_LOGGED = 256;

/** Refuses a stream, and says why. */
export function refuse(
  stream: IncomingStream,
  { logger, metrics, mayLog, budgetLines }: InboundContext,
  { status, reason, why, rules }: Refusal,
): void {
  const peer = stream.peer.uri;
  metrics.connectionFailed('inbound', peer, reason, portOf(authorityOf(stream)));
  stream.refuse(status);
  const details = { event: 'stream-refused', peer, authority: authorityOf(stream), status };
  if (isBudgetRefusal(reason)) {
    return budgetLines({ ...details, reason }, `refused a stream from ${peer}: ${why}`);
  }
  if (!mayLog()) return;
  const line = { ...details, reason };
  logger.warn(
    rules === undefined || rules.length === 0 ? line : { ...line, rules },
    `refused a stream from ${peer}: ${why ?? reason}`,
  );
}

/** Says why a connection is broken off that was let through. */
export function noteCut(
  stream: IncomingStream,
  { logger, mayLog }: InboundContext,
  { reason, why }: Termination<DenialReason>,
): void {
  if (!mayLog()) return;
  const peer = stream.peer.uri;
  logger.warn(
    { event: 'stream-cut', peer, authority: authorityOf(stream), reason },
    `closed a stream from ${peer}, which is no longer allowed: ${why}`,
  );
}

/** Says which rules would have refused a connection. */
export function noteAudited(
  stream: IncomingStream,
  { logger, metrics, mayLog }: InboundContext,
  audited: readonly string[],
): void {
  if (audited.length === 0) return;
  const peer = stream.peer.uri;
  for (const rule of audited) metrics.policyAudited(peer, rule);
  if (!mayLog()) return;
  logger.warn(
    { event: 'stream-audited', peer, authority: authorityOf(stream), rules: audited },
    `accepted a stream from ${peer} that ${audited.join(', ')} would refuse, but only audits`,
  );
}

/** True for a reason that is a matter of what this process may hold. */
export function isBudgetRefusal(reason: string): reason is BudgetRefusal {
  return (BUDGET_REFUSALS as readonly string[]).includes(reason);
}

/** What the peer has asked for, as much of it as a log takes. */
export function authorityOf({ authority }: IncomingStream): string {
  return authority.slice(0, MAX_LOGGED);
}

/** Says why a request was refused, or broken off. */
export function noteRequestDenied(
  stream: IncomingStream,
  { logger, metrics, mayLog }: InboundContext,
  { method, path }: HttpRequest,
  { reason, why, rules }: Decision & { readonly allowed: false },
): void {
  const peer = stream.peer.uri;
  metrics.requestDenied(peer, reason, portOf(authorityOf(stream)));
  if (!mayLog()) return;
  const what = {
    method: method.slice(0, MAX_LOGGED),
    path: path?.slice(0, MAX_LOGGED) ?? 'ambiguous',
  };
  const line = { event: 'request-denied', peer, authority: authorityOf(stream), reason, ...what };
  logger.warn(
    rules.length === 0 ? line : { ...line, rules },
    `refused a request from ${peer}: ${why}`,
  );
}

/** Says which rules would have refused a request. */
export function noteRequestAudited(
  stream: IncomingStream,
  { logger, metrics, mayLog }: InboundContext,
  { method, path }: HttpRequest,
  audited: readonly string[],
): void {
  const peer = stream.peer.uri;
  for (const rule of audited) metrics.policyAudited(peer, rule);
  if (!mayLog()) return;
  const what = {
    method: method.slice(0, MAX_LOGGED),
    path: path?.slice(0, MAX_LOGGED) ?? 'ambiguous',
  };
  logger.warn(
    { event: 'request-audited', peer, authority: authorityOf(stream), rules: audited, ...what },
    `accepted a request from ${peer} that ${audited.join(', ')} would refuse, but only audits`,
  );
}
