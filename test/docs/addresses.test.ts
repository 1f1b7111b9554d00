/** docs/addresses.md shows every key of the section, and what it shows is accepted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { ADDRESSES_KEYS } from '../../common/mesh-config/addresses.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/addresses.md'), 'utf8');

test('docs/addresses.md has an example of each key, which can be applied', (t) => {
  const [, example = ''] = /```yaml\n(# mesh\.yaml\n[^`]*)```/.exec(PAGE) ?? [];
  const { addresses } = parse(example) as { addresses: Record<string, unknown> };
  t.deepEqual(Object.keys(addresses).toSorted(), ADDRESSES_KEYS.toSorted());
  t.notThrows(() => readMeshConfig(example, 'mesh.yaml'));
});
