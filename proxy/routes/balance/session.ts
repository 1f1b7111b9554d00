import { createHash, createHmac } from 'node:crypto';
import type { SessionPersistence } from '../../../common/routes/route.ts';
import { valuesOf, valueOf } from '../../http/fields/field-values.ts';
import type { Field } from '../../http/message.ts';

/*
 * A session is in the client's hands only (GEP-1619):
 *
 *     ENDPOINT                            a digest of the endpoint's instance id and the session's name
 *     ENDPOINT.BEGUN.USED.SIGNATURE       where the session has a time-out: seconds, and a MAC
 *
 * Instance ids are random and known in the mesh only. So a token says nothing of an address, leads only to endpoints that there are,
 * and no client can make one or lengthen one that it was not given. As nothing is kept and no other key is needed, every worker,
 * every replica of the caller and a sidecar that was restarted read it alike.
 */

/** 96 bits: no client finds another endpoint's, or a signature, by trying. */
const DIGEST_BYTES = 12;

/** What a request says about its session. */
export interface Session {
  /** What `endpointToken` gives for its endpoint. */
  readonly endpoint: string;
  /** Unix time, in seconds. */
  readonly begunS: number;
}

/** How an endpoint is called in tokens. */
export function endpointToken(
  { sessionName }: Pick<SessionPersistence, 'sessionName'>,
  instanceId: string,
): string {
  const digest = createHash('sha256').update(`${sessionName}\0${instanceId}`).digest();
  return digest.subarray(0, DIGEST_BYTES).toString('base64url');
}

/** The token that a request carries; the first one, when there are several. */
export function readToken(
  { type, sessionName }: SessionPersistence,
  fields: readonly Field[],
): string | undefined {
  if (type === 'Header') return valueOf(fields, sessionName.toLowerCase())?.trim();
  for (const value of valuesOf(fields, 'cookie')) {
    const found = readCookie(value, sessionName);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** True when a token names the endpoint; whether it is valid is another question. */
export function isTokenOf(endpoint: string, token: string): boolean {
  return (
    token.startsWith(endpoint) &&
    (token.length === endpoint.length || token[endpoint.length] === '.')
  );
}

/**
 * The session that a token is for.
 *
 * @param instanceId of the endpoint that it names
 * @param nowS Unix time
 * @returns undefined when another made it, or when it has ended
 */
export function openSession(
  token: string,
  { absoluteTimeoutMs, idleTimeoutMs }: SessionPersistence,
  instanceId: string,
  nowS: number,
): Session | undefined {
  const [endpoint = '', begun = '', used = '', signature] = token.split('.');
  if (absoluteTimeoutMs === undefined && idleTimeoutMs === undefined) {
    return { endpoint, begunS: nowS };
  }
  if (signature !== sign(instanceId, endpoint, begun, used)) return undefined;
  const begunS = parseInt(begun, 36);
  const isOver = (sinceS: number, timeoutMs: number | undefined): boolean =>
    timeoutMs !== undefined && nowS - sinceS > timeoutMs / 1000;
  const hasEnded = isOver(begunS, absoluteTimeoutMs) || isOver(parseInt(used, 36), idleTimeoutMs);
  return hasEnded ? undefined : { endpoint, begunS };
}

/**
 * The field that gives a client its token; undefined when it has one that is as good.
 *
 * @param session what its request said; undefined when that was nothing, or leads elsewhere now
 */
export function sessionField(
  settings: SessionPersistence,
  session: Session | undefined,
  { instanceId, nowS }: { readonly instanceId: string; readonly nowS: number },
): Field | undefined {
  const { type, sessionName, absoluteTimeoutMs, idleTimeoutMs, cookieLifetime } = settings;
  if (session !== undefined && idleTimeoutMs === undefined) return undefined;
  const endpoint = session?.endpoint ?? endpointToken(settings, instanceId);
  const begunS = session?.begunS ?? nowS;
  let token = endpoint;
  if (absoluteTimeoutMs !== undefined || idleTimeoutMs !== undefined) {
    const [begun, used] = [begunS.toString(36), nowS.toString(36)];
    token = [endpoint, begun, used, sign(instanceId, endpoint, begun, used)].join('.');
  }
  if (type === 'Header') return [sessionName.toLowerCase(), token];
  const leftS = begunS + (absoluteTimeoutMs ?? 0) / 1000 - nowS;
  const age = cookieLifetime === 'Permanent' ? `; Max-Age=${Math.ceil(leftS)}` : '';
  return ['set-cookie', `${sessionName}=${token}; Path=/${age}; HttpOnly; SameSite=Lax`];
}

function sign(instanceId: string, ...parts: readonly string[]): string {
  const mac = createHmac('sha256', instanceId).update(parts.join('.')).digest();
  return mac.subarray(0, DIGEST_BYTES).toString('base64url');
}

/** RFC 6265 sections 4.1.1 and 5.2: the case of a name counts, and a value may stand in quotes. */
function readCookie(text: string, name: string): string | undefined {
  for (const pair of text.split(';')) {
    const at = pair.indexOf('=');
    if (at === -1 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return undefined;
}
