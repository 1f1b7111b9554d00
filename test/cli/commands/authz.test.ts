// An operator asks why: who may reach what, and by which rule.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';

const POLICY = `authorization:
  allow: none
  namespace: shop
  rules:
    - {name: front, action: allow, from: [web], to: [api], ports: [8080]}
    - {name: trial, action: deny, from: [web], to: [api], audit: true}
`;

test('authz explain names the rule, and who-can-reach lists', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'web', namespace: 'shop' });
  for (const service of ['api', 'job']) {
    const of = ['--namespace', 'shop', '--service', service];
    t.is((await mesh.admin(['token', 'create', ...of])).code, 0);
  }
  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, POLICY);
  t.is((await mesh.admin(['apply', '-f', file])).code, 0);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(['authz', ...args]);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return stdout;
  };
  t.is(
    await run('explain', '--namespace', 'shop', '--from', 'web', '--to', 'api:8080'),
    'allowed: web.shop to api.shop:8080\n' +
      'because the rule front allows it; the rule trial would refuse it, but only audits\n' +
      'by version 1 of the mesh configuration; no known sidecar exposes this port\n',
  );
  t.is(
    await run('explain', '--from', 'job.shop', '--to', 'api.shop:8080'),
    'refused (denied-caller): job.shop to api.shop:8080\n' +
      'because the rule front allows other callers only\n' +
      'by version 1 of the mesh configuration; no known sidecar exposes this port\n',
  );
  const partner = 'spiffe://partner.example/ns/shop/sa/web';
  t.deepEqual(
    JSON.parse(await run('explain', '--from', partner, '--to', 'api.shop:8080', '--json')),
    {
      from: partner,
      to: 'api.shop:8080',
      allowed: false,
      reason: 'denied-trust-domain',
      rules: [],
      audited: [],
      perRequest: false,
      routed: false,
      why: 'the caller is of another trust domain, and no rule allows it by its full name',
      endpoints: [],
      version: 1,
    },
  );
  t.regex(
    await run('who-can-reach', 'api.shop:8080'),
    /^CALLER +KNOWN +WHY\nweb\.shop +yes +the rule front allows it; .*\nno other caller may reach api\.shop:8080, by version 1 of the mesh configuration\n$/,
  );
  const listed = JSON.parse(await run('who-can-reach', 'api:8080', '--namespace=shop', '--json'));
  t.like(listed, { version: 1, openNames: [], everyOther: false });
  t.like(listed.callers[0], { caller: 'web.shop', known: true, allowed: true });

  for (const odd of ['api', 'api:x', 'a.b.c:1', 'spiffe://m/ns/a/sa/b:1']) {
    t.is((await mesh.admin(['authz', 'who-can-reach', odd])).code, 2, odd);
  }
});

test('authz knows what sidecars were told with --allow, as they themselves decide', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = { service: 'api', expose, args: ['--allow=8080=job', '--allow=8080=cron.ops'] };
  await mesh.sidecar(api);
  const upstreams = ['api:8080'];
  const job = await mesh.sidecar({ service: 'job', upstreams });
  const web = await mesh.sidecar({ service: 'web', upstreams });
  const ask = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(['authz', ...args, '--json']);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return JSON.parse(stdout);
  };

  const welcome = await connectTcp(t, job.upstreamPorts[0] ?? 0);
  welcome.write('hello');
  t.is(await readText(welcome, 5), 'hello');
  welcome.destroy();
  const unwelcome = await connectTcp(t, web.upstreamPorts[0] ?? 0);
  t.is(await endOf(unwelcome), 'reset');

  t.like(await ask('explain', '--from=job', '--to=api:8080'), { allowed: true, reason: null });
  const rules = ['--allow 8080=job.default', '--allow 8080=cron.ops'];
  const why = `the rules ${rules.join(', ')} allow other callers only`;
  const refusal = { allowed: false, reason: 'denied-caller', why };
  const refused = await ask('explain', '--from=web', '--to=api:8080');
  t.like(refused, { ...refusal, rules });
  t.like(refused.endpoints, [refusal]);

  const reach = await ask('who-can-reach', 'api:8080');
  const callers = reach.callers.map(({ caller }: { caller: string }) => caller);
  t.deepEqual([callers, reach.everyOther], [['job.default', 'cron.ops'], false]);

  // One that is not told so lets everybody in: now it depends on where the connection goes.
  const open = await mesh.sidecar({ service: 'api', expose });
  const both = await ask('explain', '--from=web', '--to=api:8080');
  t.like(both, { allowed: null, reason: null });
  t.deepEqual(both.endpoints.map((one: { allowed: boolean }) => one.allowed).sort(), [false, true]);
  const text = await mesh.admin(['authz', 'explain', '--from=web', '--to=api:8080']);
  t.regex(
    text.stdout,
    /^differs between sidecars: web\.default to api\.default:8080\nbecause .*, but 1 of 2 sidecars refuse it by their --allow: \S+\nby version 0 .*, at 2 sidecars\n\nINSTANCE +ADDRESS +ANSWER +WHY\n/,
  );
  t.regex(text.stdout, /\S+ +127\.0\.0\.1:\d+ +refused \(denied-caller\) +the rules --allow /);
  t.regex(text.stdout, new RegExp(`127\\.0\\.0\\.1:${open.hbonePort} +allowed +`));
  t.is((await ask('who-can-reach', 'api:8080')).everyOther, null);
  const [, refusing = ''] = /^(\S+) .* refused \(/m.exec(text.stdout) ?? [];
  const listed = (await mesh.admin(['authz', 'who-can-reach', 'api:8080'])).stdout;
  t.true(
    listed.split('\n').some((line) => line.startsWith('web.default') && line.endsWith(refusing)),
    listed,
  );
  const { sidecars } = JSON.parse((await mesh.admin(['status', '--json'])).stdout);
  const told = sidecars.filter((one: { service: string }) => one.service === 'api');
  t.deepEqual(told.map(({ allow }: { allow: object[] }) => allow.length).sort(), [0, 2]);
});
