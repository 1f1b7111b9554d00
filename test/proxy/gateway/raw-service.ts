import type { Scope } from '../../helpers/scope.ts';
import { startTcpApp, type TcpApp } from '../../helpers/servers/tcp-app.ts';

/** A service in HTTP/1.1 whose bytes are the test's. */
export interface RawService extends TcpApp {
  /** What was received, request by request: the head and what came with it. */
  readonly requests: readonly string[];
}

/**
 * Starts it on loopback.
 *
 * @param answer writes the answer to a request whose head has come, as latin1; undefined sends nothing
 */
export async function startRawService(
  scope: Scope,
  answer: (request: string) => string | undefined,
): Promise<RawService> {
  const requests: string[] = [];
  const app = await startTcpApp(scope, (socket) => {
    let text = '';
    socket.on('end', () => socket.end());
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) return;
      // Bodies of these tests come with their heads.
      requests.push(text);
      const bytes = answer(text);
      text = '';
      if (bytes !== undefined) socket.write(bytes, 'latin1');
    });
  });
  return { ...app, requests };
}
