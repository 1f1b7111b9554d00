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
    ['RUN <<1EOF', '1EOF'],
    ['RUN 3<<"my-eof" sh', 'my-eof'],
    ["ONBUILD COPY <<'a b' /x/", 'a b'],
    ['COPY <<A <<B /x/', `A\n${body}\nB`],
  ]) {
    t.deepEqual(
      of(`FROM base\nHEALTHCHECK CMD real\n${begin}\n${body}\n${end}\n`),
      health('CMD-SHELL', 'real'),
    );
    t.deepEqual(of(`FROM base\n${begin}\n${body}\n${end}\n`), like('base'));
  }
  for (const line of ['RUN echo $((1<<BITS))', 'RUN echo " <<BITS"', 'ENV A <<BITS']) {
    t.deepEqual(
      of(`FROM base\n${line}\nHEALTHCHECK CMD real\nRUN true \\\nBITS\nBITS`),
      health('CMD-SHELL', 'real'),
      line,
    );
  }
});

test('two escape characters do not continue a line, and one does', (t) => {
  const checked = (escape: string, end: string): unknown =>
    of(`${escape}FROM base\nRUN echo ${end}\nHEALTHCHECK CMD x`);
  t.deepEqual(checked('', '\\'), like('base'));
  t.deepEqual(checked('', '\\\\'), health('CMD-SHELL', 'x'));
  t.deepEqual(checked('# escape=`\n', '`'), like('base'));
  t.deepEqual(checked('# escape=`\n', '``'), health('CMD-SHELL', 'x'));
});

test('only other directives stand before that of the escape character', (t) => {
  for (const before of ['', '# syntax=docker/dockerfile:1\n', '\uFEFF', '#check = skip=all\r\n']) {
    t.deepEqual(of(`${before}# Escape = \`\nFROM base\nRUN x \`\nHEALTHCHECK CMD x`), like('base'));
  }
  for (const before of ['# A comment.\n', '\n', 'ARG A\n']) {
    const text = `${before}# escape=\`\nFROM base\nRUN x \`\nHEALTHCHECK CMD x`;
    t.deepEqual(of(text), health('CMD-SHELL', 'x'), before);
  }
});

test('a number after FROM is an image', (t) => {
  t.deepEqual(of('FROM base\nHEALTHCHECK CMD x\nFROM 0'), like('0'));
  t.deepEqual(of('FROM base AS a\nHEALTHCHECK CMD x\nFROM A'), health('CMD-SHELL', 'x'));
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
