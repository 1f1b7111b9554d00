import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

const ROOT = join(import.meta.dirname, '../../..');

/** Where a key of the log is written, as `file: event`. */
export type LoggedKeys = ReadonlyMap<string, readonly string[]>;

/**
 * The keys of every log line of the programs, as far as they are written down beside `event`: what is
 * spread into a line is not seen.
 */
export function readLoggedKeys(): LoggedKeys {
  const keys = new Map<string, string[]>();
  for (const file of globSync('{common,proxy,control-plane,keeper}/**/*.ts', { cwd: ROOT })) {
    const { program } = parseSync(file, readFileSync(join(ROOT, file), 'utf8'));
    new Visitor({
      ObjectExpression({ properties }) {
        const named = properties.flatMap((property) =>
          property.type === 'Property' && property.key.type === 'Identifier'
            ? [{ key: property.key.name, value: property.value }]
            : [],
        );
        const event = named.find(({ key }) => key === 'event')?.value;
        if (event?.type !== 'Literal') return;
        for (const { key } of named) {
          keys.set(key, [...(keys.get(key) ?? []), `${file}: ${String(event.value)}`]);
        }
      },
    }).visit(program);
  }
  return keys;
}
