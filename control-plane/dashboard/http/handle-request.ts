import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { MonotonicClock } from '../../../common/clock.ts';
import { HauberkError, describeError } from '../../../common/errors.ts';
import { createLogLimit } from '../../../common/rate-limit.ts';
import { SOFTWARE_VERSION } from '../../../common/process/version.ts';
import {
  type OwnNames,
  type RequestOrigin,
  requireOwnHost,
  requireOwnOrigin,
} from '../access/same-origin.ts';
import type { SignInLinks } from '../access/sign-in-links.ts';
import type { Session, Sessions, SessionSecrets } from '../access/sessions.ts';
import type { Refused, SessionAnswer } from '../answers/answers.ts';
import { type Assets, PAGE } from '../assets/assets.ts';
import { CHANGES } from '../changes.ts';
import { DashboardError, type DashboardRefusal, REFUSAL_STATUS } from '../dashboard-error.ts';
import type { Live } from '../live/live.ts';
import { openEventStream } from '../live/event-stream.ts';
import type { QueryContext } from '../queries/query-context.ts';
import { dryRun, parse, QUERIES } from '../queries/queries.ts';
import { readJsonBody } from './read-body.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { cookieName, readCookie, sessionCookie } from './session-cookie.ts';

/** What answering requests takes. */
export interface RequestHandlerOptions {
  readonly assets: Assets;
  readonly links: SignInLinks;
  readonly sessions: Sessions;
  readonly context: QueryContext;
  readonly live: Live;
  readonly own: () => OwnNames;
  /** Remembers that the operator's credential was used. */
  readonly used: (
    session: Session,
    use: { readonly address: string; readonly call: string },
  ) => void;
  /** Throws when operators have asked too often. */
  readonly limit: () => void;
  readonly refused: (reason: DashboardRefusal) => void;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/** Paths that the page shows something at; it is for the page to tell them apart. */
const PAGE_PATHS = /^\/(?:mesh|services(?:\/[^/]+){0,2}|certificates|policy|tap|events|sign-in)?$/;

const API = '/api/';

/** The field with the key that the page keeps; a page of another origin cannot send it. */
const KEY_FIELD = 'x-hauberk-key';

const signIn = z.object({ code: z.string().max(200) });

/** Answers requests: the page to every client, and what it shows to browsers that have signed in. */
export function createRequestHandler(
  options: RequestHandlerOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { assets, links, sessions, context, live, clock, logger } = options;
  const mayLog = createLogLimit(clock);
  // Of its own: no stream of refusals hides a failure.
  const mayLogFailure = createLogLimit(clock);

  const secretsOf = ({ headers }: IncomingMessage): Partial<SessionSecrets> => {
    const id = readCookie(headers.cookie, cookieName(headers.host ?? '', options.own()));
    const key = headers[KEY_FIELD];
    return { ...(id && { id }), ...(typeof key === 'string' && { key }) };
  };

  const sendAsset = async (
    request: IncomingMessage,
    response: ServerResponse,
    pathname: string,
  ): Promise<void> => {
    const asset = await assets.get(PAGE_PATHS.test(pathname) ? PAGE : pathname);
    if (asset === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('nothing is served here\n');
      return;
    }
    // Nothing in it is secret; another version of the software has another tag.
    response.setHeader('cache-control', 'no-cache');
    response.setHeader('etag', asset.etag);
    if (request.headers['if-none-match'] === asset.etag) {
      response.writeHead(304).end();
      return;
    }
    response.writeHead(200, {
      'content-type': asset.contentType,
      'content-length': asset.body.length,
    });
    response.end(request.method === 'HEAD' ? undefined : asset.body);
  };

  const openSession = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { code } = parse(signIn, await readJsonBody(request));
    const grant = links.redeem(code);
    const { id, key } = sessions.open(grant);
    const { serialNumber: serial } = grant.certificate;
    const line = { event: 'dashboard-signed-in', serial, mayChange: grant.mayChange };
    logger.info(
      { ...line, client: request.socket.remoteAddress },
      'a browser signed in to the dashboard with the link of an operator',
    );
    response.setHeader('set-cookie', sessionCookie(request.headers.host ?? '', options.own(), id));
    sendJson(response, 200, { key });
  };

  const ask = async (
    { session, name, question }: Asked,
    response: ServerResponse,
  ): Promise<void> => {
    if (name === 'session') {
      const { mayChange } = session;
      const { trustDomain } = context;
      const nowMs = context.clock.epochMs();
      const softwareVersion = SOFTWARE_VERSION;
      const answer: SessionAnswer = { nowMs, trustDomain, mayChange, softwareVersion };
      sendJson(response, 200, answer);
      return;
    }
    if (!Object.hasOwn(QUERIES, name)) throw unknownPath();
    options.limit();
    sendJson(response, 200, await QUERIES[name as keyof typeof QUERIES](context, question));
  };

  const perform = async (
    { session, name, question }: Asked,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    options.limit();
    if (name === 'dry-run') {
      sendJson(response, 200, await dryRun(context, question));
      return;
    }
    const change = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined;
    if (change === undefined) throw unknownPath();
    if (!session.mayChange) {
      const sentence = 'this browser may look, and change nothing';
      const hint = 'sign in with the link that `hauberk dashboard --allow-changes` prints';
      throw new DashboardError('read-only', sentence, { hint });
    }
    const { remoteAddress: address = '' } = request.socket;
    options.used(session, { address, call: `Dashboard.${name}` });
    const outcome = await change(context.actions, question);
    const line = { event: 'dashboard-change', change: name, serial: session.serial };
    logger.warn({ ...line, client: address }, `an operator did this on the dashboard: ${name}`);
    sendJson(response, 200, outcome);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const own = options.own();
    const from = originOf(request);
    requireOwnHost(from, own);
    const url = URL.parse(request.url ?? '/', 'http://dashboard.invalid');
    if (url === null) throw unknownPath();
    const { method = '' } = request;
    const isApi = url.pathname.startsWith(API);
    if (method === 'GET' || method === 'HEAD') {
      if (!isApi) return await sendAsset(request, response, url.pathname);
      requireOwnOrigin(from, own, { strict: false });
      const session = sessions.require(secretsOf(request));
      const name = url.pathname.slice(API.length);
      const question = Object.fromEntries(url.searchParams);
      if (name !== 'live') return await ask({ session, name, question }, response);
      options.limit();
      const isOver = (): boolean => isSessionOver(sessions, secretsOf(request));
      const origin = `the dashboard, ${request.socket.remoteAddress ?? ''} (${session.serial})`;
      live.follow(question, origin, () => ({
        stream: openEventStream(response, { clock, isOver }),
        response,
      }));
      return;
    }
    if (method !== 'POST' || !isApi) {
      response.writeHead(405, { allow: isApi ? 'GET, HEAD, POST' : 'GET, HEAD' }).end();
      return;
    }
    requireOwnOrigin(from, own, { strict: true });
    const name = url.pathname.slice(API.length);
    if (name === 'sign-in') return await openSession(request, response);
    const session = sessions.require(secretsOf(request));
    if (name === 'sign-out') {
      sessions.close(secretsOf(request));
      response.setHeader('set-cookie', sessionCookie(from.host ?? '', own, undefined));
      sendJson(response, 200, {});
      return;
    }
    await perform({ session, name, question: await readJsonBody(request) }, request, response);
  };

  return async (request, response) => {
    setSecurityHeaders(response);
    try {
      await answer(request, response);
    } catch (error) {
      const { status, refused } = toRefused(error);
      options.refused(error instanceof DashboardError ? error.code : 'failed');
      const line = { event: 'dashboard-refused', reason: refused.code };
      const sentence = `the dashboard refused a request: ${describeError(error)}`;
      if (status === 500) {
        if (mayLogFailure()) logger.error({ ...line, err: error }, 'the dashboard failed');
      } else if (mayLog()) {
        logger.warn({ ...line, client: request.socket.remoteAddress }, sentence);
      }
      if (response.headersSent) response.destroy();
      else sendJson(response, status, refused);
    }
  };
}

interface Asked {
  readonly session: Session;
  readonly name: string;
  readonly question: unknown;
}

function originOf({ headers }: IncomingMessage): RequestOrigin {
  const fetchSite = headers['sec-fetch-site'];
  return {
    host: headers.host,
    origin: headers.origin,
    fetchSite: typeof fetchSite === 'string' ? fetchSite : undefined,
  };
}

function isSessionOver(sessions: Sessions, secrets: Partial<SessionSecrets>): boolean {
  try {
    sessions.require(secrets);
    return false;
  } catch {
    return true;
  }
}

/** The caller is an operator, who is told what prevents an action. */
function toRefused(error: unknown): { readonly status: number; readonly refused: Refused } {
  if (error instanceof DashboardError) {
    const { code, message, hint } = error;
    return { status: REFUSAL_STATUS[code], refused: { code, message, hint } };
  }
  if (error instanceof HauberkError) {
    const { code, message, hint } = error;
    return { status: REFUSAL_STATUS.failed, refused: { code, message, hint } };
  }
  const message = 'the control plane failed; its log has the reason';
  return { status: 500, refused: { code: 'internal', message } };
}

function unknownPath(): DashboardError {
  const hint = 'reload the page: it may be of another version';
  return new DashboardError('not-found', 'the dashboard has no such question', { hint });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}
