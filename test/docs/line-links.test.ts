/** The pages that follow a connection and a certificate through the source lead to the right lines. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { lineLinks, PAGES_WITH_LINES, withLines } from '../../tools/line-links.ts';

const ROOT = join(import.meta.dirname, '../..');

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

for (const page of PAGES_WITH_LINES) {
  test(`each link of ${page} leads to the line that declares the name`, (t) => {
    const links = lineLinks(page, read);
    t.true(links.length >= 15, 'the steps were found');
    for (const { name, file, declared } of links) {
      t.is(declared.length, 1, `${name} is declared once in ${file}`);
    }
    t.is(read(page), withLines(page, read), 'run: tools/run node tools/line-links.ts');
  });
}

test('a connection is followed in at most 20 files', (t) => {
  const files = new Set(lineLinks('docs/life-of-a-connection.md', read).map(({ file }) => file));
  t.true(files.size <= 20, `${files.size} files: ${[...files].join(', ')}`);
});

const SOURCE = `import { carry } from './carry.ts';
export function carry(): void {}
class Pool {
  async open(
    target: string,
  ): Promise<void> {}
}
class Tunnel {
  open(): void {
    pool.open();
  }
}
`;

const at = (text: string) => (file: string) => (file === 'docs/page.md' ? text : SOURCE);

for (const [link, line] of [
  ['[`carry`](../a.ts#L1)', 2],
  ['[`Pool.open`](../a.ts#L1)', 4],
  ['[`Tunnel.open`](../a.ts)', 9],
] as const) {
  test(`a link gets the line of its declaration: ${link}`, (t) => {
    t.regex(withLines('docs/page.md', at(link)), new RegExp(`#L${line}\\)`));
  });
}

test('a name that is not declared, or twice, is noticed', (t) => {
  const found = (link: string) => lineLinks('docs/page.md', at(link))[0]?.declared;
  t.deepEqual(found('[`gone`](../a.ts#L1)'), []);
  t.deepEqual(found('[`open`](../a.ts#L4)'), [4, 9]);
});
