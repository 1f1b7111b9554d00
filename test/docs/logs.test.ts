/** docs/logs.md names every key of the log with its type, and no line of a real mesh says anything else. */
import test from 'ava';
import { parse } from 'yaml';
import { within } from '../helpers/deadline.ts';
import { startHttpApp } from '../helpers/servers/http-app.ts';
import { getOnce } from '../helpers/clients/http-load.ts';
import { startGateway } from '../helpers/mesh/mesh-gateway.ts';
import { readLoggedKeys } from '../helpers/sources/logged-keys.ts';
import { startMesh } from '../helpers/mesh/mesh.ts';
import { sendRaw } from '../helpers/clients/raw-connection.ts';
import { tableOf } from './markdown.ts';

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  number: (value) => Number.isInteger(value),
  duration: (value) => Number.isInteger(value) && Math.abs(Number(value)) < 1e11,
  date: (value) => new Date(String(value)).toISOString() === value,
  // From 2001 on; no duration is as long.
  'date in ms': (value) => Number.isInteger(value) && Number(value) > 1e12,
  'yes or no': (value) => typeof value === 'boolean',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'list of text': (value) =>
    Array.isArray(value) && value.every((item) => typeof item === 'string'),
  'list of numbers': (value) => Array.isArray(value) && value.every(Number.isInteger),
};

const DOCUMENTED = new Map(tableOf('logs.md', 'Keys').map(([key = '', type = '']) => [key, type]));

test('every key that is written has its row, and every row one type that is known', (t) => {
  const written = readLoggedKeys();
  t.true(written.size > 50, 'the lines were found');
  // What a refusal line is given as `sentence` becomes its `msg`.
  const missing = [...written].filter(([key]) => key !== 'sentence' && !DOCUMENTED.has(key));
  t.deepEqual(missing, []);
  t.is(DOCUMENTED.size, tableOf('logs.md', 'Keys').length, 'no key has two rows');
  t.deepEqual(
    [...DOCUMENTED].filter(([, type]) => TYPES[type] === undefined),
    [],
  );
});

test('no line of a mesh has a key twice, or one of another type', async (t) => {
  const debug = ['--log-level=debug', '--access-log'];
  const mesh = await startMesh(t, { controlPlaneArgs: ['--log-level=debug'] });
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({
    service: 'api',
    expose: [`8080=127.0.0.1:${app.port}`],
    args: [...debug, '--workers=2'],
  });
  const web = await mesh.sidecar({
    service: 'web',
    upstreams: ['api:8080', 'nobody:1'],
    args: debug,
  });
  const route = 'routes: [{ backend: "api:8080" }]';
  const listeners = [
    `  - { name: front, protocol: HTTP, listen: '127.0.0.1:0', ${route} }`,
    "  - { name: raw, protocol: TCP, listen: '127.0.0.1:0', proxyProtocol: { from: ['127.0.0.0/8'] }, backend: 'api:8080' }",
  ].join('\n');
  const gateway = await startGateway(t, mesh, `${listeners}\n`, debug);

  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  await t.throwsAsync(getOnce(web.upstreamPorts[1] ?? 0));
  for (const port of [
    await gateway.port('front'),
    await gateway.port('raw'),
    web.metricsPort,
    web.hbonePort,
    mesh.controlPlane.grpcPort,
  ]) {
    await within('rubbish is refused', sendRaw(port, 'rubbish\r\n\r\n').ended);
  }
  t.is(await getOnce(await gateway.port('front')), 'api');
  await mesh.controlPlane.restart('SIGTERM');
  await web.process.logged('sync-lost');
  await web.process.logged('sync-connected', undefined, { times: 2 });
  await mesh.admin(['revoke', 'default/web']);
  await web.process.logged('sync-lost', ({ reason }) => reason === 'certificate-revoked');
  const processes = [gateway.process, api.process, web.process, mesh.controlPlane.process];
  for (const process of processes) await process.end();

  const findings = new Set<string>();
  const seen = new Set<string>();
  for (const line of `${mesh.output()}${gateway.process.output()}`.split('\n')) {
    if (!line.startsWith('{')) continue;
    // Refuses a key that stands twice, as Elasticsearch does; JSON.parse takes the last.
    const parsed = parse(line, { uniqueKeys: true }) as Record<string, unknown>;
    for (const [key, value] of Object.entries(parsed)) {
      const type = DOCUMENTED.get(key);
      seen.add(key);
      if (type !== undefined && TYPES[type]?.(value) === true) continue;
      findings.add(`${String(parsed['event'])}: ${key} is ${JSON.stringify(value)}, not ${type}`);
    }
  }
  t.deepEqual([...findings], []);
  for (const key of ['retryInMs', 'listener', 'worker', 'client', 'durationMs']) {
    t.true(seen.has(key), `${key} was written at all`);
  }
});
