import { createHash } from 'node:crypto';
import type { Field } from '../http/message.ts';

/** How requests of one client are kept at one endpoint; the names are those of the Gateway API (GEP-1619). */
export interface SessionSettings {
  readonly type: 'Cookie' | 'Header';
  /** Of the cookie or of the field. */
  readonly sessionName: string;
  /** How long a client keeps the cookie; undefined for as long as its own session (no Max-Age). */
  readonly absoluteTimeoutMs: number | undefined;
}

/** 96 bits: no caller finds another endpoint's by trying. */
const TOKEN_BYTES = 12;

/**
 * Names an endpoint to a client: a digest of its instance id, which is random and known in the mesh only. It says nothing of an
 * address, and only those of endpoints that exist lead anywhere: a client cannot make a sidecar call a place of its choice. As
 * nothing is kept and no key is needed, every worker, every replica of the caller and a sidecar that was restarted read it alike.
 *
 * @param scope the route and its service: a token of one is none of the other
 */
export function sessionToken(scope: string, instanceId: string): string {
  const digest = createHash('sha256').update(`${scope}\0${instanceId}`).digest();
  return digest.subarray(0, TOKEN_BYTES).toString('base64url');
}

/** The token that a request carries; the first one, when there are several. */
export function readSession(
  { type, sessionName }: SessionSettings,
  fields: readonly Field[],
): string | undefined {
  if (type === 'Header') return fieldValue(fields, sessionName);
  for (const [name, value] of fields) {
    if (name.length !== 6 || name.toLowerCase() !== 'cookie') continue;
    const found = readCookie(value, sessionName);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The field that gives a client its token. */
export function sessionField(
  { type, sessionName, absoluteTimeoutMs }: SessionSettings,
  token: string,
): Field {
  if (type === 'Header') return [sessionName, token];
  const age =
    absoluteTimeoutMs === undefined ? '' : `; Max-Age=${Math.ceil(absoluteTimeoutMs / 1000)}`;
  return ['set-cookie', `${sessionName}=${token}; Path=/${age}; HttpOnly; SameSite=Lax`];
}

function readCookie(text: string, name: string): string | undefined {
  for (const pair of text.split(';')) {
    if (nameOf(pair) !== name) continue;
    const value = pair.slice(pair.indexOf('=') + 1).trim();
    // RFC 6265 section 4.1.1: a value may stand in quotes.
    return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return undefined;
}

/** RFC 6265 section 5.2; the case of a cookie's name counts. */
function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return at === -1 ? '' : pair.slice(0, at).trim();
}

function fieldValue(fields: readonly Field[], wanted: string): string | undefined {
  const name = wanted.toLowerCase();
  return fields.find((field) => field[0].toLowerCase() === name)?.[1].trim();
}
