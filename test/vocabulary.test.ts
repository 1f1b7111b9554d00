/** Words that were decoded into the terms of the field stay decoded: no identifier and no file has them. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import { parseSync, Visitor } from 'oxc-parser';

/** Each word with the term that a reader of Envoy, SPIFFE or the RFCs looks for. */
const DECODED: Readonly<Record<string, string>> = {
  belongings: 'resources',
  chores: 'maintenance tasks',
  crew: 'supervisor',
  door: 'listener, or destination and port',
  doorkeeper: 'enforcer',
  doorkeepers: 'enforcers',
  doors: 'listener set',
  forsaken: 'orphaned',
  hurried: 'forced',
  knock: 'connection, or request',
  ledger: 'log, or totals',
  shop: 'reconciler',
  standing: 'status',
  strangers: 'unknown',
};

const ROOT = join(import.meta.dirname, '..');
const FILES = globSync('{common,proxy,control-plane,keeper,cli}/**/*.ts', { cwd: ROOT });

/** `openHeldPlaces`, `HELD_PREFIX` and `held-places` in words. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/);
}

/** Every identifier that a source has, whatever it names. */
function identifiersOf(path: string, source: string): Set<string> {
  const names = new Set<string>();
  const add = ({ name }: { readonly name: string }): void => void names.add(name);
  new Visitor({ Identifier: add, PrivateIdentifier: add }).visit(parseSync(path, source).program);
  return names;
}

function decodedIn(path: string, source: string): string[] {
  const names = [basename(path, '.ts'), ...identifiersOf(path, source)];
  return names.flatMap((name) =>
    wordsOf(name)
      .filter((word) => Object.hasOwn(DECODED, word))
      .map((word) => `${path}: ${name}; say ${DECODED[word]}`),
  );
}

test('no identifier and no file name has a word that was decoded', (t) => {
  t.true(FILES.length > 500, 'the sources were found');
  const found = FILES.flatMap((path) => decodedIn(path, readFileSync(join(ROOT, path), 'utf8')));
  t.deepEqual(found, []);
});

for (const [path, source] of [
  ['proxy/gateway/doors.ts', ''],
  ['proxy/gateway/x.ts', 'export function openDoor() {}'],
  ['proxy/gateway/x.ts', 'class A { #ledger = 1; }'],
  ['proxy/gateway/x.ts', 'interface A { readonly knock: string }'],
  ['control-plane/x.ts', 'const DOORS = 1;'],
] as const) {
  test(`it would be noticed: ${path} ${source}`, (t) => {
    t.is(decodedIn(path, source).length, 1);
  });
}

test('words of sentences are left alone', (t) => {
  t.deepEqual(decodedIn('proxy/x.ts', "// a door\nconst text = 'the edge';"), []);
});
