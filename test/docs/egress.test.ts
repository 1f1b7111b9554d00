/** docs/egress.md: its examples are documents that say what the page says, its tables are the schema's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { EGRESS_KEYS } from '../../common/mesh-config/egress.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { tableOf } from './markdown.ts';

test('docs/egress.md explains every key', (t) => {
  const explained = ['Policies', 'Which places may be called'].flatMap((heading) =>
    tableOf('egress.md', heading).map(([key]) => key),
  );
  t.deepEqual(explained.toSorted(), EGRESS_KEYS.filter((key) => key !== 'destinations').toSorted());
});

test('the examples of docs/egress.md can be applied', (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/egress.md'), 'utf8');
  const documents = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);
  t.is(documents.length, 3);
  const [policies, captured, list] = documents.map(
    (text) => readMeshConfig(text, 'mesh.yaml').egress,
  );
  t.like(policies?.destinations[0], { host: 'payments.example.com', port: 443, minVersion: '1.2' });
  t.like(captured?.destinations[0], { host: '192.0.2.7', hostname: 'payments.example.com' });
  t.is(list?.allowances?.length, 2);
});
