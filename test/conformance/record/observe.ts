import type { Exchange } from '../exchange.ts';
import type { ClientRecord } from './raw-client.ts';
import { playClient } from './raw-client.ts';
import { playHttp2Client } from './play-http2-client.ts';
import type { RecordingService, SeenMessage } from './recording-service.ts';

/** A proxy with a recording service behind it. */
export interface ObservedProxy {
  readonly name: string;
  readonly port: number;
  /** Where HTTP/2 is spoken, without TLS. */
  readonly http2Port: number;
  readonly service: RecordingService;
}

/** What both ends of an exchange saw. */
export interface Observation {
  readonly service: readonly SeenMessage[];
  readonly client: ClientRecord;
}

/** Plays an exchange through a proxy. */
export async function observe(proxy: ObservedProxy, exchange: Exchange): Promise<Observation> {
  proxy.service.expect(exchange);
  const client =
    exchange.http2 === undefined
      ? await playClient(proxy.port, exchange)
      : await playHttp2Client(proxy.http2Port, exchange.http2);
  await proxy.service.settled();
  return { client, service: proxy.service.seen() };
}
