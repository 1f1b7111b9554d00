// What a Dockerfile says of the health check of its image. That engines make the same of it is in
// test/compose/dockerfile-health.test.ts.
import test from 'ava';
import { builtTest, type BuildSource } from '../../../cli/compose/read/dockerfile.ts';

const BUILD: BuildSource = {
  context: '.',
  dockerfile: 'Dockerfile',
  inline: undefined,
  target: undefined,
  args: new Map(),
  otherContexts: new Set(),
};

const of = (text: string, build: Partial<BuildSource> = {}): unknown =>
  builtTest(text, { ...BUILD, ...build });
const health = (...words: readonly string[]) => ({ kind: 'test', test: words });
const like = (image: string) => ({ kind: 'image', image });

test('texts of several lines are no instructions', (t) => {
  const body = 'HEALTHCHECK CMD of-the-text';
  for (const [begin, end] of [
    ['RUN <<EOF', 'EOF'],
    ['RUN <<-"EOF" sh', '\tEOF'],
    ['COPY <<A <<B /x/', `A\n${body}\nB`],
  ]) {
    t.deepEqual(
      of(`FROM base\nHEALTHCHECK CMD real\n${begin}\n${body}\n${end}\n`),
      health('CMD-SHELL', 'real'),
    );
    t.deepEqual(of(`FROM base\n${begin}\n${body}\n${end}\n`), like('base'));
  }
  t.deepEqual(
    of('FROM base\nRUN echo $((1<<BITS))\nHEALTHCHECK CMD real\n'),
    health('CMD-SHELL', 'real'),
  );
});

test('a name that stands for another build, or a variable without a value, is not told', (t) => {
  t.is(of('FROM base', { otherContexts: new Set(['base']) }), undefined);
  t.deepEqual(of('FROM other', { otherContexts: new Set(['base']) }), like('other'));
  t.is(of('FROM base:$TAG'), undefined);
  t.is(of('ARG TAG\nFROM base:$TAG'), undefined);
  t.is(of('ARG TAG=3\nFROM base:${TAG%x}'), undefined);
  t.deepEqual(of('ARG TAG\nFROM base:$TAG', { args: new Map([['TAG', '3']]) }), like('base:3'));
  t.deepEqual(of('FROM base:$TAG\nHEALTHCHECK CMD x'), health('CMD-SHELL', 'x'));
});

test('what is no Dockerfile tells nothing', (t) => {
  for (const text of [
    '',
    'RUN x',
    '{}',
    'FROM base AS one\nHEALTHCHECK',
    'FROM base\nHEALTHCHECK CMD',
    'HEALTHCHECK CMD x',
  ]) {
    t.is(of(text), undefined, text);
  }
  t.is(of('FROM base', { target: 'missing' }), undefined);
  t.is(of('FROM base', { target: '1' }), undefined);
  t.deepEqual(of('FROM base\nFROM other', { target: '0' }), like('base'));
  t.is(of('FROM base AS a\nONBUILD HEALTHCHECK CMD x\nFROM a'), undefined);
});
