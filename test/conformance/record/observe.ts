import type { Exchange } from '../exchange.ts';
import type { ClientRecord } from './raw-client.ts';
import { playClient } from './raw-client.ts';
import type { RecordingService, SeenMessage } from './recording-service.ts';

/** A proxy with a recording service behind it. */
export interface ObservedProxy {
  readonly name: string;
  readonly port: number;
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
  const client = await playClient(proxy.port, exchange);
  await proxy.service.settled();
  return { client, service: proxy.service.seen() };
}
