// The parts of an installation: which of them a process runs, and that a sidecar has nothing in memory that it never uses.
import { join } from 'node:path';
import test from 'ava';
import { bundle } from '../../tools/dist/bundle.ts';
import { choosePart } from '../../tools/dist/start/choose-part.ts';

const ROOT = join(import.meta.dirname, '../..');
const made = await bundle(ROOT);

const CHOICES = [
  [['proxy', '--service', 'web'], 'sidecar'],
  [['proxy'], 'sidecar'],
  [['proxy', '--help'], 'sidecar'],
  [['--load=proxy/workers/main.ts'], 'sidecar'],
  [['proxy', 'init-netns'], 'everything'],
  [['gateway'], 'sidecar'],
  [['control-plane'], 'everything'],
  [['--load=cli/main.ts', 'proxy'], 'everything'],
  [['--load=proxy/workers'], 'everything'],
  [['help', 'proxy'], 'everything'],
  [[], 'everything'],
] as const;

for (const [args, part] of CHOICES) {
  test(`hauberk ${args.join(' ')} is of the part ${part}`, (t) => {
    t.is(choosePart(['node', 'hauberk.js', ...args]), part);
  });
}

/** What only one file has, and where that is. */
const MARKS = {
  'a sidecar': 'Runs the sidecar of one application',
  'a control plane': 'hauberk restore',
  'the command table': 'make a join token for sidecars',
  'hauberk inject': 'add the services of a Compose file to the mesh',
  'a keeper': 'restart the containers that share the network',
  // Its messages in some fifty languages come along where it is imported as one object.
  'the languages of zod': 'ng\\xFCltig',
};

function marksIn(code: string): string[] {
  // Long strings go on in the next line.
  const text = code.replaceAll('\\\n', '');
  return Object.entries(MARKS).flatMap(([name, mark]) => (text.includes(mark) ? [name] : []));
}

test('the part of a sidecar has nothing of the other commands', (t) => {
  const { everything, sidecar } = made.parts;
  t.deepEqual(marksIn(sidecar), ['a sidecar']);
  t.deepEqual(
    marksIn(everything),
    Object.keys(MARKS).filter((name) => name !== 'the languages of zod'),
  );
});

test('a character is a byte for V8: all are of ASCII', (t) => {
  for (const code of [...Object.values(made.parts), ...Object.values(made.start)]) {
    t.regex(code, /^[\x00-\x7f]*$/);
  }
});

test('a stack trace leads to a line that can be read', (t) => {
  const { sidecar } = made.parts;
  const lines = sidecar.split('\n');
  t.true(
    sidecar.length / lines.length < 200,
    `${sidecar.length} characters, ${lines.length} lines`,
  );
  t.true(sidecar.includes('function settleWhenQuiet('), 'names are kept');
});
