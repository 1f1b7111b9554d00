import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { within } from '../helpers/deadline.ts';
import type { DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_VERIFY_IMAGE } from '../helpers/docker/images.ts';
import { words } from '../helpers/docker/run.ts';
import type { Scope } from '../helpers/scope.ts';

/**
 * At once, since packets that wait in a block are lost at the end; and with room for 4096 of them, each
 * of which takes the most that it could be long.
 */
const TCPDUMP_OPTIONS = '--immediate-mode -U -s 16384 -B 65536 -w -';

/** A running capture. */
export interface Wire {
  /** Ends the capture. Throws when it saw nothing, or when packets were lost. */
  stop(): Promise<Buffer>;
}

/**
 * Captures what a container sends to others and receives, or, in the network of the host, everything
 * that goes over the engine's bridges; resolves when it does.
 *
 * @param network as in `docker run --network`: `host`, `container:ID`
 */
export async function watchWire(
  scope: Scope,
  engine: DockerEngine,
  network: string,
): Promise<Wire> {
  const name = `hauberk-wire-${randomUUID()}`;
  const child = spawn(
    'docker',
    [
      ...words(
        `run --rm --name ${name} --network ${network} --entrypoint tcpdump ${TEST_VERIFY_IMAGE}`,
      ),
      ...words(`-i ${network === 'host' ? 'any' : 'eth0'} ${TCPDUMP_OPTIONS}`),
    ],
    { env: engine.env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  // Without its client the container would go on.
  scope.teardown(() => engine.docker('rm', '--force', name).catch(() => {}));
  scope.teardown(() => child.kill('SIGKILL'));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  let said = '';
  const listening = Promise.withResolvers<void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('listening on')) listening.resolve();
  });
  await within(`tcpdump listens`, listening.promise, 60_000);
  return {
    async stop() {
      const closed = once(child, 'close');
      await engine.docker('kill', '--signal', 'INT', name);
      await within('tcpdump ends', closed);
      const captured = Number(/(\d+) packets? captured/.exec(said)?.[1] ?? 0);
      const dropped = Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? 1);
      if (captured === 0 || dropped > 0) throw new Error(`the capture is of no use: ${said}`);
      return Buffer.concat(chunks);
    },
  };
}
