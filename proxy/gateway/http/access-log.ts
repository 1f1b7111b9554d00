import type { Logger } from 'pino';
import type { WallClock } from '../../../common/clock.ts';
import { redact } from '../../../common/redact.ts';
import type { ForwardedRequest } from '../../http/forward/forwarded-request.ts';
import { readTraceContext } from '../../tracing/trace-context.ts';
import type { ServedRequest } from './served-request.ts';

/** Where a line for each request goes that has ended, also for those that were refused. */
export interface RequestLog {
  served(served: ServedRequest, request: ForwardedRequest, durationMs: number): void;
  /** What could not be read as a request. */
  refused(refused: RefusedRequest): void;
}

/** What is known of a request that could not be read. */
export interface RefusedRequest {
  readonly client: string;
  /** 0 where no answer could be given. */
  readonly status: number;
  readonly reason: string;
}

/** What a log of requests is made from. */
export interface RequestLogOptions {
  readonly logger: Logger;
  readonly clock: Pick<WallClock, 'epochMs'>;
  /** The name of the listener. */
  readonly name: string;
  readonly format: 'json' | 'clf';
  /** Takes lines that are not for the logger, each with its line end. */
  readonly write: (line: string) => void;
}

/** Creates the log of requests of a listener, as `--access-log` and `--access-log-format` want it. */
export function createRequestLog(options: RequestLogOptions): RequestLog {
  return options.format === 'json' ? jsonLog(options) : commonLog(options);
}

function jsonLog({ logger, name }: RequestLogOptions): RequestLog {
  return {
    served({ owner, route, span }, request, durationMs) {
      const { method, target, authority, fields } = request.exchange.request;
      const { status, refusal, respondedMs, startedMs } = request;
      const waitMs = respondedMs === undefined ? undefined : Math.round(respondedMs - startedMs);
      logger.info(
        {
          event: 'request',
          listener: name,
          client: owner.client.address,
          method,
          host: authority,
          target,
          status: status === 0 ? undefined : status,
          outcome: outcomeOf(request),
          reason: refusal?.reason,
          requestBytes: request.requestBytes,
          responseBytes: request.responseBytes,
          durationMs: Math.round(durationMs),
          waitMs,
          route: route?.name,
          service: route?.service,
          peer: request.peer,
          tries: request.tries,
          traceId: span?.traceId ?? readTraceContext(fields)?.traceId,
        },
        `${method} ${target}`,
      );
    },
    refused({ client, status, reason }) {
      const answered = status === 0 ? {} : { status };
      const line = { event: 'request', listener: name, client, ...answered };
      logger.info({ ...line, outcome: 'refused', reason }, 'a request that could not be read');
    },
  };
}

/** How a request ended: as a whole, without the client, broken off in its answer, or with an answer of ours. */
function outcomeOf(request: ForwardedRequest): string {
  if (request.isGivenUp) return 'given-up';
  if (request.isCutShort) return 'cut-short';
  return request.refusal === undefined ? 'complete' : 'refused';
}

/** What web servers log for a client that went away before its answer; there is no such status. */
const CLIENT_CLOSED = 499;

/** The Common Log Format: `client - - [time] "request line" status bytes`. */
function commonLog({ clock, write }: RequestLogOptions): RequestLog {
  const line = (client: string, request: string, status: number, bytes: number): void => {
    const time = commonTime(new Date(clock.epochMs()));
    write(redact(`${client} - - [${time}] "${request}" ${status || '-'} ${bytes || '-'}\n`));
  };
  return {
    served({ owner }, request) {
      const { method, target, version } = request.exchange.request;
      const shown = escape(`${method} ${target} HTTP/${version === '2' ? '2.0' : version}`);
      const status = request.isGivenUp ? CLIENT_CLOSED : request.status;
      line(owner.client.address, shown, status, request.responseBytes);
    },
    refused: ({ client, status }) => line(client, '-', status, 0),
  };
}

/** What would end the quotation, or the line. */
function escape(text: string): string {
  return text.replaceAll(
    /[^ !#-[\]-~]/g,
    (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `10/Oct/2000:13:55:36 +0000` */
function commonTime(date: Date): string {
  const [day = '', time = ''] = date.toISOString().split('T');
  const [year, month, ofMonth] = day.split('-');
  return `${ofMonth}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}
