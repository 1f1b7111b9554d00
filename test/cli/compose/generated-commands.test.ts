// What inject writes as commands, held against the programs that will read them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'ava';
import { httpHealthCheck } from '../../../cli/compose/plan/health-check.ts';
import { CLOSE } from '../../../cli/compose/plan/pod-service.ts';
import { readSettings } from '../../../common/config/read-settings.ts';
import type { SettingsTable } from '../../../common/config/settings.ts';
import { controlPlaneSettings } from '../../../control-plane/config/config.ts';
import { PROXY_SETTINGS } from '../../../proxy/config/sidecar.ts';
import { INIT_NETNS_SETTINGS } from '../../../proxy/interception/init-netns.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { injectProject, PROJECTS, servicesOf } from './compose-projects.ts';

const ROOT = join(import.meta.dirname, '../../..');

function commandsOf(marker: string): readonly (readonly string[])[] {
  return PROJECTS.flatMap((name) => Object.values(servicesOf(injectProject(name).output ?? '')))
    .filter((service) => service['x-hauberk-injected'] === marker)
    .map((service) => service['command'] as string[]);
}

function read(settings: SettingsTable, argv: readonly string[]): Record<string, unknown> {
  const request = readSettings({ name: 'x', summary: '', settings }, argv, {});
  return request.kind === 'run' ? request.settings : {};
}

test('every command of a sidecar is one that hauberk proxy takes', (t) => {
  for (const [program, ...argv] of commandsOf('sidecar')) {
    t.is(program, 'proxy');
    const settings = read(PROXY_SETTINGS, argv);
    t.true(settings['transparent']);
    t.is(settings['namespace'], 'demo');
  }
});

test('every command of a control plane is one that hauberk control-plane takes', (t) => {
  for (const [program, ...argv] of commandsOf('control-plane')) {
    t.is(program, 'control-plane');
    t.true((read(controlPlaneSettings, argv)['writeToken'] as unknown[]).length > 0);
  }
});

test('every pod applies rules that hauberk proxy init-netns takes, then lets go of everything', (t) => {
  for (const [script = ''] of commandsOf('pod')) {
    const steps = script.split(' && ').filter((step) => !step.includes('/share-in-network '));
    const [close, rules = '', ready, sleep = ''] = steps;
    t.is(close, CLOSE);
    const [hauberk, proxy, initNetns, ...argv] = rules.split(' ');
    t.deepEqual([hauberk, proxy, initNetns], ['hauberk', 'proxy', 'init-netns']);
    t.notThrows(() => read(INIT_NETNS_SETTINGS, argv));
    t.is(ready, ': > /run/ready');
    t.regex(sleep, /^exec setpriv --reuid 65534 .* --bounding-set=-all sleep infinity$/);
  }
});

for (const { status, healthy } of [
  { status: 200, healthy: true },
  { status: 503, healthy: false },
]) {
  test(`the health check takes ${status} for ${healthy ? 'ready' : 'not ready'}`, async (t) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status).end('body');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const code = await runCheck((server.address() as AddressInfo).port);
    server.close();
    t.is(code === 0, healthy, String(code));
    t.deepEqual(asked, ['/readyz']);
  });
}

test('the health check fails when nobody listens', async (t) => {
  t.not(await runCheck(await freePort()), 0);
});

async function runCheck(port: number): Promise<unknown> {
  const [, program = '', ...args] = httpHealthCheck(port, '/readyz')['test'] as string[];
  const script = program.replace('/opt/hauberk/', `${ROOT}/`);
  const child = spawn(script, args, { stdio: 'ignore', timeout: 10_000 });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
