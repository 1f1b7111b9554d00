import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually } from '../deadline.ts';
import type { Scope } from '../scope.ts';

/** Starts Envoy with a configuration, and waits until it listens at the port. */
export async function startEnvoy(scope: Scope, config: object, port: number): Promise<void> {
  const args = ['--use-dynamic-base-id', '--concurrency', '1', '-l', 'warning'];
  const envoy = spawn('envoy', [...args, '--config-yaml', JSON.stringify(config)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const output: string[] = [];
  envoy.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const exited = once(envoy, 'exit');
  scope.teardown(async () => {
    envoy.kill();
    await exited;
    if (scope.passed === false) console.error(output.join(''));
  });
  await eventually('Envoy listens', async () => {
    if (envoy.exitCode !== null) throw new Error(`Envoy ended: ${output.join('')}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return isOpen || undefined;
  });
}
