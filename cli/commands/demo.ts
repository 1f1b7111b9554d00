import { WriteStream } from 'node:tty';
import { type CommandSpec, switchSetting } from '../../common/config/settings.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { listenForInterrupt } from '../../common/process/interrupt.ts';
import { nodeEnvironment } from '../../common/process/node-environment.ts';
import type { CliContext } from '../cli-context.ts';
import { hasSucceeded, type DemoReport } from '../demo/demo-report.ts';
import { CERTIFICATE_SECONDS } from '../demo/demo-mesh.ts';
import { exportOf } from '../demo/demo-view.ts';
import { runDemo, type DemoOptions } from '../demo/run-demo.ts';
import { formatJson } from '../output/json.ts';

const settings = {
  once: switchSetting({
    description: 'end after every sidecar has renewed its certificate twice (about 25 s)',
  }),
  json: switchSetting({ description: 'print the outcome as one JSON object, and nothing else' }),
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk demo',
  summary:
    'Runs a mesh on this machine, without Docker or root: a control plane, three sidecars, an ' +
    'application with two instances and a client, all real processes on loopback. Certificates live ' +
    `${CERTIFICATE_SECONDS} seconds, so that you can watch them rotate under load, in the terminal and, by the ` +
    'address that it prints, in a browser. Ctrl+C ends it.',
  settings,
  notes: [
    'Exit code 0 only when requests were carried, none failed, and none could be read on the wire.',
  ],
};

/** `hauberk demo` */
export async function run(context: CliContext): Promise<number> {
  const { stdout, clock, env } = context;
  return await runCommand(spec, context, async ({ once, json }) => {
    using interrupt = listenForInterrupt();
    const screen = !json && stdout instanceof WriteStream ? stdout : undefined;
    if (!json && screen === undefined) stdout.write('A mesh is running; this takes a moment.\n');
    const { signal } = interrupt;
    const onDashboard: DemoOptions['onDashboard'] = (address, operatorEnv) => {
      if (json || screen !== undefined) return;
      stdout.write(`See it in a browser: ${address}\n`);
      stdout.write(`Or with hauberk top, edges, tap and check, after: ${exportOf(operatorEnv)}\n`);
    };
    const options = { once, screen, onDashboard, clock, signal, env: nodeEnvironment(env) };
    const report = await runDemo(options);
    stdout.write(json ? formatJson(report) : summary(report));
    return hasSucceeded(report) ? EXIT_CODE.ok : EXIT_CODE.failed;
  });
}

function summary(report: DemoReport): string {
  const { requests, failures, rotations, handshakes, plaintextOnWire, bytesOnWire } = report;
  return (
    `${requests} requests, ${failures} failed, ${rotations} certificates rotated, ` +
    `${handshakes} tunnels made; plaintext seen ${plaintextOnWire} times in ${bytesOnWire} bytes on the wire\n`
  );
}
