// What `docker compose up` at the top level is made of is read by the programs that it is for.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { requires } from '../helpers/machine/requirements.ts';
import { run } from '../helpers/docker/run.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const options = { env: process.env, deadlineMs: 30_000, cwd: ROOT };

requires('promtool')('Prometheus takes the configuration of the example', async (t) => {
  const said = await run(['promtool', 'check', 'config', 'examples/hello/prometheus.yml'], options);
  t.regex(said, /SUCCESS/);
});

test('the provisioning of Grafana leads to the dashboards and the Prometheus of compose.yaml', (t) => {
  const read = (file: string): unknown => parse(readFileSync(path.join(ROOT, file), 'utf8'));
  const { services } = read('compose.yaml') as {
    services: Record<string, { volumes?: (string | object)[]; ports?: string[] }>;
  };
  const { providers } = read('examples/hello/grafana/dashboards/hauberk.yml') as {
    providers: { options: { path: string } }[];
  };
  const volumes = services['grafana']?.volumes ?? [];
  const { path: folder } = providers[0]?.options ?? { path: '' };
  t.true(volumes.includes(`./docs/operations/grafana:${folder}:ro`), folder);
  const { datasources } = read('examples/hello/grafana/datasources/prometheus.yml') as {
    datasources: { url: string }[];
  };
  const { hostname, port } = new URL(datasources[0]?.url ?? '');
  t.true(
    services[hostname]?.ports?.some((one) => one.endsWith(`:${port}`)),
    hostname,
  );
});

requires('docker-compose')('Compose 1.29 reads compose.yaml', async (t) => {
  const services = await run(['docker-compose', 'config', '--services'], options);
  const sidecars = ['api-sidecar', 'web-sidecar'];
  const others = ['grafana', 'hauberk-control-plane', 'prometheus', 'verify'];
  const names = ['api', 'web', ...sidecars, ...others].sort();
  t.deepEqual(services.trim().split('\n').sort(), names);
});
