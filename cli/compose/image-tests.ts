import { spawnSync } from 'node:child_process';
import { z } from 'zod';
import type { ImageTest } from './plan/application-health.ts';

/** A Docker client that waits longer has an engine that does not answer. */
const TIMEOUT_MS = 10_000;

const inspected = z.object({
  Healthcheck: z.object({ Test: z.array(z.string()).nullish() }).nullish(),
});

/**
 * Asks the Docker client of this machine for the health checks of images. Where there is none, or no engine answers it,
 * all images are unknown.
 */
export function imageTests(env: NodeJS.ProcessEnv): ImageTest {
  const known = new Map<string, readonly string[] | undefined>();
  let answers = true;
  const ask = (image: string): readonly string[] | undefined => {
    const args = ['image', 'inspect', '--format', '{{json .Config}}', '--', image];
    const asked = spawnSync('docker', args, { env, encoding: 'utf8', timeout: TIMEOUT_MS });
    if (asked.status === 0) return testOf(asked.stdout);
    answers = asked.status !== null && /no such image|invalid reference/i.test(asked.stderr);
    return undefined;
  };
  return (image) => {
    if (answers && !known.has(image)) known.set(image, ask(image));
    return known.get(image);
  };
}

function testOf(json: string): readonly string[] | undefined {
  try {
    const { success, data } = inspected.safeParse(JSON.parse(json));
    return success ? (data.Healthcheck?.Test ?? []) : undefined;
  } catch {
    return undefined;
  }
}
