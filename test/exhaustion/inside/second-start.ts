// The control plane alone on a small disk that is filled, twice: while it runs, and before it starts again.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { fill, smallDisk } from './fill-disk.ts';
import { runScenario } from './run-scenario.ts';

/** What the test asserts. */
export interface SecondStartResult {
  /** What it says to who asks whether it is ready, while the disk is full. */
  readonly whileFull: string;
  readonly secondStart: { readonly code: number; readonly stderr: string };
  /** Tokens that are known before and after. */
  readonly tokens: readonly number[];
  readonly findings: readonly string[];
}

await runScenario(async (scope): Promise<SecondStartResult> => {
  const disk = smallDisk(scope, 16);
  const filler = path.join(disk, 'filler');
  const mesh = await startMesh(scope);
  const { httpPort, dataDirectory } = mesh.controlPlane;
  const ready = async (wanted: number): Promise<string> =>
    eventually(`readiness is ${wanted}`, async () => {
      const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
      const body = await response.text();
      return response.status === wanted ? body : undefined;
    });
  const tokens = async (): Promise<number> => {
    const { stdout } = await mesh.admin(['token', 'list', '--json']);
    return (JSON.parse(stdout) as { tokens: unknown[] }).tokens.length;
  };
  await mesh.token();
  const before = await tokens();
  await ready(200);
  fill(filler);
  const whileFull = await ready(503);
  rmSync(filler);
  await ready(200);

  await mesh.controlPlane.kill();
  fill(filler);
  const secondStart = await runHauberk([
    'control-plane',
    `--data-dir=${dataDirectory}`,
    '--grpc-listen=127.0.0.1:0',
    '--http-listen=127.0.0.1:0',
  ]);
  rmSync(filler);
  await mesh.controlPlane.start();
  const { stdout } = await mesh.admin(['certs', 'verify', '--json']);
  const { findings } = JSON.parse(stdout) as { findings: string[] };
  const { code, stderr } = secondStart;
  return { whileFull, secondStart: { code, stderr }, tokens: [before, await tokens()], findings };
});
