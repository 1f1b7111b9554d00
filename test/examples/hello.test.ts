// What `docker compose up` at the top level is made of is read by the programs that it is for.
import path from 'node:path';
import { requires } from '../helpers/requirements.ts';
import { run } from '../helpers/docker/run.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const options = { env: process.env, deadlineMs: 30_000, cwd: ROOT };

requires('promtool')('Prometheus takes the configuration of the example', async (t) => {
  const said = await run(['promtool', 'check', 'config', 'examples/hello/prometheus.yml'], options);
  t.regex(said, /SUCCESS/);
});

requires('docker-compose')('Compose 1.29 reads compose.yaml', async (t) => {
  const services = await run(['docker-compose', 'config', '--services'], options);
  const sidecars = ['api-sidecar', 'web-sidecar'];
  const names = ['api', ...sidecars, 'hauberk-control-plane', 'prometheus', 'verify', 'web'].sort();
  t.deepEqual(services.trim().split('\n').sort(), names);
});
