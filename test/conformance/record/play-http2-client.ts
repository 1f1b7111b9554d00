import type { RawField } from '../../helpers/clients/http2-wire.ts';
import type { ClientRecord } from './raw-client.ts';
import { connectRawHttp2, type Http2Outcome, type RawHttp2Request } from './http2-client.ts';
import type { RecordedMessage } from './read-messages.ts';

/** Plays a request of HTTP/2 on a connection of its own, and tells of it as of one of HTTP/1.1. */
export async function playHttp2Client(
  port: number,
  request: RawHttp2Request,
): Promise<ClientRecord> {
  const ends: (() => unknown)[] = [];
  try {
    const client = connectRawHttp2({ teardown: (end) => void ends.push(end) }, port);
    return toRecord(await client.ask(request));
  } finally {
    for (const end of ends) end();
  }
}

function toRecord(outcome: Http2Outcome): ClientRecord {
  const { blocks, body, resetCode, connectionLost } = outcome;
  const isWhole = connectionLost === undefined && (resetCode ?? 0) === 0;
  const responses: RecordedMessage[] = [];
  for (const block of blocks) {
    const status = block.find(([name]) => name === ':status')?.[1];
    const fields = block.filter(([name]) => !name.startsWith(':'));
    const last = responses.at(-1);
    if (status !== undefined) responses.push(headOf(status, fields));
    else if (last !== undefined) responses.splice(-1, 1, { ...last, trailers: fields });
  }
  const final = responses.pop();
  if (final !== undefined) responses.push({ ...final, body, isWhole });
  return {
    responses,
    rest: '',
    ended: isWhole ? 'no' : connectionLost === 'silent' ? 'silent' : 'reset',
  };
}

function headOf(status: string, fields: readonly RawField[]): RecordedMessage {
  const start = `HTTP/1.1 ${status} `;
  return { start, fields, framing: 'none', body: '', trailers: [], isWhole: true };
}
