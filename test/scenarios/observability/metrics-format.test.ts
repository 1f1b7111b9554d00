/**
 * What a scraper gets from a sidecar and from a control plane after some traffic: promtool finds
 * nothing to complain about, who asks for OpenMetrics gets it, and the metrics are those of the table.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PROXY_METRICS } from '../../../proxy/metrics/table.ts';
import { ROUTE_METRICS } from '../../../proxy/routes/metrics.ts';
import { within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';

/** What every program of the project says about itself and its runtime. */
const ABOUT_THE_PROCESS =
  /^hauberk_(http_connections_refused_total|build_info|descriptors|budget_refusals_total|internal_errors_total|event_loop_turns_total|event_loop_busy_seconds_total)$/;

requires('promtool')('the metrics of both programs are as a scraper wants them', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080', 'missing:8080'] });
  const [apiPort = 0, missingPort = 0] = web.upstreamPorts;
  t.is(await getOnce(apiPort), 'api');
  await t.throwsAsync(getOnce(missingPort));
  await mesh.launch({ service: 'web', token: 'hbk-1-no-token' });

  for (const port of [api.metricsPort, web.metricsPort, mesh.controlPlane.httpPort]) {
    const { type, text } = await scrapeAs('text/plain', port);
    t.regex(type, /^text\/plain; version=0\.0\.4/);
    t.deepEqual(await promtoolCheck(text), { code: 0, complaints: '' });

    const openMetrics = await scrapeAs('application/openmetrics-text; version=1.0.0', port);
    t.regex(openMetrics.type, /^application\/openmetrics-text; version=1\.0\.0/);
    t.true(openMetrics.text.endsWith('\n# EOF\n'));
    t.deepEqual(familiesOf(openMetrics.text), familiesOf(text));
    t.notRegex(openMetrics.text, /^# TYPE \S+_total counter$/m);
  }

  const table = [PROXY_METRICS, ROUTE_METRICS].flatMap((rows) =>
    Object.values(rows).map(({ name }) => name),
  );
  for (const { metricsPort } of [api, web]) {
    const { text } = await scrapeAs('text/plain', metricsPort);
    const names = [...text.matchAll(/^# TYPE (hauberk_\S+)/gm)].map(([, name = '']) => name);
    const own = names.filter((name) => !ABOUT_THE_PROCESS.test(name));
    t.deepEqual(own.toSorted(), table.toSorted());
    t.notRegex(text, /127\.0\.0\.1/, 'an address is never a label');
  }
});

/** Metric families without the suffix that only one of both formats gives to counters. */
function familiesOf(text: string): string[] {
  const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
  return names.map((name) => name.replace(/_total$/, '')).toSorted();
}

async function scrapeAs(accept: string, port: number): Promise<{ type: string; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } });
  return { type: response.headers.get('content-type') ?? '', text: await response.text() };
}

/** Hands metrics to `promtool check metrics`. */
async function promtoolCheck(text: string): Promise<{ code: number; complaints: string }> {
  const promtool = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'ignore', 'pipe'] });
  promtool.stdin.end(text);
  const [complaints, [code]] = await within(
    'promtool ends',
    Promise.all([
      promtool.stderr.setEncoding('utf8').toArray(),
      once(promtool, 'close') as Promise<[number]>,
    ]),
  );
  return { code, complaints: complaints.join('') };
}
