import { once } from 'node:events';
import { get, request as openRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AdminClient } from '../../cli/admin/client.ts';
import { BenchError } from '../bench-error.ts';

/** A page of the dashboard that is open in a browser, as far as the control plane sees it. */
export interface OpenPage {
  /** Events that it was sent so far, by topic, and the bytes of them. */
  readonly events: ReadonlyMap<string, { many: number; bytes: number }>;
  /** The newest event of a topic. */
  newest(topic: string): unknown;
  close(): void;
}

/** Signs in by a link and follows what the page with the picture of the mesh follows. @throws BenchError, RpcError */
export async function openPage(operator: AdminClient): Promise<OpenPage> {
  const { address, path } = await operator.createDashboardLink({ allowChanges: false });
  const origin = `http://${address}`;
  const [, code = ''] = path.split('#');
  const signIn = openRequest(`${origin}/api/sign-in`, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json' },
  });
  signIn.end(JSON.stringify({ code }));
  const [signedIn] = (await once(signIn, 'response')) as [IncomingMessage];
  const { key = '' } = JSON.parse(await text(signedIn)) as { key?: string };
  const [cookie = ''] = signedIn.headers['set-cookie'] ?? [];
  const headers = { cookie: cookie.split(';', 1)[0] ?? '', 'x-hauberk-key': key };
  const live = get(`${origin}/api/live?topics=mesh,figures`, { headers });
  const [stream] = (await once(live, 'response')) as [IncomingMessage];
  if (stream.statusCode !== 200) {
    const answer = await text(stream);
    throw new BenchError('load-failed', `expected events of the dashboard, got ${answer}`);
  }
  const events = new Map<string, { many: number; bytes: number }>();
  const newest = new Map<string, string>();
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const [, topic, json] = /^event: (.*)\ndata: (.*)$/s.exec(part) ?? [];
      if (topic === undefined || json === undefined) continue;
      const { many, bytes } = events.get(topic) ?? { many: 0, bytes: 0 };
      events.set(topic, { many: many + 1, bytes: bytes + json.length });
      newest.set(topic, json);
    }
  });
  // It ends with the control plane.
  stream.on('error', () => undefined);
  live.on('error', () => undefined);
  return {
    events,
    newest: (topic) => JSON.parse(newest.get(topic) ?? 'null') as unknown,
    close: () => live.destroy(),
  };
}
