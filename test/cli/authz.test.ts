// An operator asks why: who may reach what, and by which rule.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { startMesh } from '../helpers/mesh.ts';

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
      'because the rule front allows it; the rule trial would refuse it, but is only watching\n' +
      'by version 1 of the mesh configuration\n' +
      'not looked at: a sidecar of api.shop with --allow for the port may refuse more\n',
  );
  t.is(
    await run('explain', '--from', 'job.shop', '--to', 'api.shop:8080'),
    'refused (denied-caller): job.shop to api.shop:8080\n' +
      'because the rule front allows others there\n' +
      'by version 1 of the mesh configuration\n',
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
      why: 'the caller is of another trust domain, and no rule allows it by its full name',
      version: 1,
    },
  );
  t.regex(
    await run('who-can-reach', 'api.shop:8080'),
    /^CALLER +KNOWN +WHY\nweb\.shop +yes +the rule front allows it; .*\nnobody else may reach api\.shop:8080, by version 1 of the mesh configuration\nnot looked at: .* --allow .*\n$/,
  );
  const listed = JSON.parse(await run('who-can-reach', 'api:8080', '--namespace=shop', '--json'));
  t.like(listed, { version: 1, openNames: [], everyOther: false });
  t.like(listed.callers[0], { caller: 'web.shop', known: true });

  for (const odd of ['api', 'api:x', 'a.b.c:1', 'spiffe://m/ns/a/sa/b:1']) {
    t.is((await mesh.admin(['authz', 'who-can-reach', odd])).code, 2, odd);
  }
});
