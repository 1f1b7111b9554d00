/** docs/authorization.md: its example is a document that decides as the page says, its table is the schema's. */
import test from 'ava';
import { decide } from '../../common/authorization/decide.ts';
import { AUTHORIZATION_KEYS } from '../../common/mesh-config/authorization.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { sectionOf, tableOf } from './markdown.ts';

test('the example of docs/authorization.md decides as it says', (t) => {
  const [, example = ''] =
    /```yaml\n([^]*?)```/.exec(sectionOf('authorization.md', 'In five minutes')) ?? [];
  const policy = readMeshConfig(example, 'mesh.yaml').authorization;
  const may = (from: string, to: string, port: number, namespace = 'shop'): boolean =>
    decide(policy, {
      source: { trustDomain: 'mesh.local', namespace, service: from },
      destination: { trustDomain: 'mesh.local', namespace: 'shop', service: to },
      port,
    }).allowed;
  t.true(may('web', 'api', 8080));
  t.false(may('web', 'api', 9090));
  t.false(may('web', 'db', 5432));
  t.true(may('api', 'db', 5432));
  t.true(may('backup-nightly', 'db', 5432, 'ops'));
  t.false(may('backup-nightly', 'db', 5432, 'shop'));
});

test('docs/authorization.md explains every key of a rule', (t) => {
  const explained = tableOf('authorization.md', 'Rules').map(([key]) => key);
  const section = new Set(['allow', 'namespace', 'rules']);
  t.deepEqual(
    explained.toSorted(),
    AUTHORIZATION_KEYS.filter((key) => !section.has(key)).toSorted(),
  );
});
