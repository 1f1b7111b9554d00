import type { TappedEvent } from '../../proto/gen/hauberk/v1/admin.ts';
import { toTimestamp } from '../output/relative-time.ts';
import { formatSeconds } from './figures.ts';
import { shortName } from '../names/short-name.ts';

/** An event in one line: `12:00:01.250 web.shop -> api.shop:8080 GET /x 200 12ms`. */
export function eventLine({ spiffeId, event }: TappedEvent, trustDomain: string): string {
  if (event === undefined) return '';
  const { inbound, peer, port, kind, atMs } = event;
  const [from, to] = inbound ? [peer, spiffeId] : [spiffeId, peer];
  const place = port === 0 ? '' : `:${port}`;
  const time = toTimestamp(atMs).slice('2026-01-01T'.length, -1);
  const what = `${shortName(from, trustDomain)} -> ${shortName(to, trustDomain)}${place}`;
  switch (kind) {
    case 'request': {
      const status = event.httpStatus === 0 ? event.status : String(event.httpStatus);
      const ended = event.protocol === 'grpc' ? event.status : status;
      const target = event.path === '' ? event.method : `${event.method} ${event.path}`;
      return `${time} ${what} ${target} ${ended} ${formatSeconds(event.seconds)}`;
    }
    case 'closed':
      return `${time} ${what} closed (${event.status}) after ${formatSeconds(event.seconds)}, ${event.bytesSent} B sent, ${event.bytesReceived} B received`;
    case 'opened':
      return `${time} ${what} opened`;
    default:
      return `${time} ${what} ${kind} (${event.status})`;
  }
}

/** An event as `--json` prints it, in one line; docs/json-output.md describes it. */
export function eventDocument({ spiffeId, instanceId, event }: TappedEvent): object {
  if (event === undefined) return {};
  const { inbound, peer, port } = event;
  const isRequest = event.kind === 'request';
  return {
    at: toTimestamp(event.atMs),
    kind: event.kind,
    from: inbound ? peer : spiffeId,
    to: inbound ? spiffeId : peer,
    port: port === 0 ? null : port,
    instance: instanceId,
    direction: inbound ? 'inbound' : 'outbound',
    method: event.method || null,
    path: event.path || null,
    protocol: event.protocol || null,
    httpStatus: isRequest && event.httpStatus > 0 ? event.httpStatus : null,
    status: event.status || null,
    seconds: event.kind === 'opened' ? null : event.seconds,
    sentBytes: event.bytesSent,
    receivedBytes: event.bytesReceived,
  };
}
