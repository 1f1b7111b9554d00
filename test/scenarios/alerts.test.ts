/**
 * A real Prometheus scrapes a real control plane by the rules of docs/operations: a single refused
 * certificate is an alert, though it is the first one, and so is a target that is gone.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually, within } from '../helpers/deadline.ts';
import { freePort } from '../helpers/free-port.ts';
import { startMesh } from '../helpers/mesh.ts';
import { requires } from '../helpers/requirements.ts';
import { temporaryDirectory } from '../helpers/temporary-directory.ts';

const RULES = path.join(import.meta.dirname, '../../docs/operations/prometheus-rules.yml');

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

/** Prometheus with our rules, but for how long something has to last. */
async function startPrometheus(
  t: ExecutionContext,
  target: string,
): Promise<() => Promise<Alert[]>> {
  const directory = await temporaryDirectory();
  const rules = await readFile(RULES, 'utf8');
  const config = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
    rule_files: ['rules.yml'],
    scrape_configs: [{ job_name: 'hauberk', static_configs: [{ targets: [target] }] }],
  };
  await writeFile(path.join(directory.path, 'rules.yml'), rules.replaceAll(/for: \w+/g, 'for: 1s'));
  await writeFile(path.join(directory.path, 'prometheus.yml'), JSON.stringify(config));
  const port = await freePort();
  const args = [
    `--config.file=${path.join(directory.path, 'prometheus.yml')}`,
    `--storage.tsdb.path=${path.join(directory.path, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const prometheus = spawn('prometheus', args, { stdio: 'ignore' });
  const ended = once(prometheus, 'close');
  t.teardown(async () => {
    prometheus.kill('SIGKILL');
    await ended;
    await directory[Symbol.asyncDispose]();
  });
  const ask = async (question: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${question}`);
    return ((await response.json()) as { readonly data: unknown }).data;
  };
  await eventually('Prometheus has scraped the control plane twice', async () => {
    const query = encodeURIComponent('count_over_time(hauberk_build_info[1m]) > 1');
    const found = await ask(`query?query=${query}`).catch(() => undefined);
    return (found as { result: unknown[] } | undefined)?.result.length === 1 ? true : undefined;
  });
  return async () => ((await ask('alerts')) as { readonly alerts: Alert[] }).alerts;
}

requires('prometheus')(
  'the first refused certificate, and a target that is gone, are alerts',
  async (t) => {
    const mesh = await startMesh(t);
    const alerts = await startPrometheus(t, `127.0.0.1:${mesh.controlPlane.httpPort}`);
    const firing = async (name: string): Promise<Alert[]> =>
      (await alerts()).filter(
        ({ labels, state }) => labels['alertname'] === name && state === 'firing',
      );
    t.deepEqual(await firing('HauberkIssueRefused'), []);

    const wrong = (await mesh.token()).replace(/.{5}$/, 'aaaaa');
    const refused = await mesh.launch({ service: 'web', token: wrong });
    t.not(await within('the sidecar ends', refused.exited), 0);
    const [alert] = await eventually('HauberkIssueRefused fires', async () => {
      const found = await firing('HauberkIssueRefused');
      return found.length > 0 ? found : undefined;
    });
    t.is(alert?.labels['reason'], 'token-unknown');
    t.deepEqual(await firing('HauberkTargetDown'), []);

    await mesh.controlPlane.kill();
    await eventually('HauberkTargetDown fires', async () => {
      const found = await firing('HauberkTargetDown');
      return found.length > 0 ? found : undefined;
    });
  },
);
