import { generateKeyPairSync } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import test from 'ava';
import { createLogger } from '../../../common/logging/logger.ts';
import type { LogLevel } from '../../../common/logging/logger.ts';
import { HauberkError } from '../../../common/errors.ts';

class SampleError extends HauberkError<'sample'> {}

const token = `hbk-1-${'3k'.repeat(25)}-t0k3n1d-${'9z'.repeat(14)}`;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const [, keyBody = ''] = pem.split('\n');

function capture(level: LogLevel = 'info', pretty = false) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'sample', level, pretty, destination });
  return { logger, text: () => lines.join(''), first: () => JSON.parse(lines[0] ?? '{}') };
}

test('a line is one JSON object with level, time, name, event and message', (t) => {
  const { logger, first, text } = capture();
  logger.info({ event: 'listening', port: 15012 }, 'listening');
  const { time, ...line } = first();
  t.deepEqual(line, {
    level: 'info',
    name: 'sample',
    event: 'listening',
    port: 15012,
    msg: 'listening',
  });
  t.is(new Date(time).toISOString(), time);
  t.true(text().endsWith('\n'));
});

for (const pretty of [false, true]) {
  test(`join tokens and private keys never come out (${pretty ? 'pretty' : 'JSON'})`, (t) => {
    const { logger, text } = capture('debug', pretty);
    logger.info({ event: 'a', token, deep: { list: [token, pem] } }, `enrolling with ${token}`);
    logger.warn({ event: 'b', key: privateKey, raw: Buffer.from(pem) }, pem);
    logger.error(new Error(`bad ${token}`, { cause: new Error(pem) }));
    logger.error({ event: 'c', anyName: new SampleError('sample', token, { hint: pem }) }, 'x');
    logger.child({ token, pem }).info(new Map([['token', token]]), 'child');
    logger.info({ event: 'd' }, '%s and %j', token, { pem });
    logger.info({ event: 'cut', half: token.slice(0, -9), cutKey: pem.slice(0, -60) }, 'cut');
    t.true(text().includes('hbk-[redacted]'), 'the lines came out at all');
    t.true(text().includes('[private key redacted]'));
    t.false(text().includes('3k3k3k'), 'part of the token');
    t.false(text().includes(keyBody.slice(0, 20)), 'part of the key');
  });
}

test('an error is logged with code, message, hint and causes, and without a stack', (t) => {
  const { logger, first } = capture();
  const cause = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' });
  const error = new SampleError('sample', 'it failed', { hint: 'try again', cause });
  logger.error({ event: 'failed', err: error }, 'no luck');
  t.deepEqual(first().err, {
    type: 'SampleError',
    code: 'sample',
    message: 'it failed',
    hint: 'try again',
    cause: { type: 'Error', code: 'ECONNREFUSED', message: 'connect refused' },
  });
});

test('at debug level an error has its stack', (t) => {
  const { logger, first } = capture('debug');
  logger.error(new Error('here'));
  t.regex(first().err.stack, /logger\.test\.ts/);
});

test('an error that causes itself ends', (t) => {
  const { logger, text } = capture();
  const error = new Error('round');
  error.cause = error;
  logger.error({ err: error }, 'x');
  t.regex(text(), /\[deeper\]/);
});

test('what a peer sent cannot steer the terminal', (t) => {
  const { logger, text } = capture('info', true);
  logger.info({ event: 'a', authority: '\u001b[2Jevil\u009b31m' }, 'refused \u001b]0;evil\u0007');
  t.true(text().includes('evil'));
  t.notRegex(text().replaceAll(/\u001b\[\d+m/g, ''), /[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/);
});

test('lines below the level are not written', (t) => {
  const { logger, text } = capture('warn');
  logger.info('quiet');
  logger.warn('loud');
  t.regex(text(), /loud/);
  t.notRegex(text(), /quiet/);
});

test('a full disk under standard output throws at nobody who logs, and the lines go', (t) => {
  const full = openSync('/dev/full', 'w');
  const source = `
    import { createLogger } from ${JSON.stringify(new URL('../../../common/logging/logger.ts', import.meta.url).href)};
    const logger = createLogger({ name: 'sample', level: 'info', pretty: false });
    for (let count = 0; count < 1_000; count += 1) logger.info({ event: 'lost' }, 'x'.repeat(1_000));
    process.stderr.write('it goes on');
  `;
  const args = ['--input-type=module', '--eval', source];
  const stdio: ['ignore', number, 'pipe'] = ['ignore', full, 'pipe'];
  const { status, stderr } = spawnSync(process.execPath, args, { stdio, encoding: 'utf8' });
  closeSync(full);
  t.is(stderr, 'it goes on');
  t.is(status, 0);
});

test('a field never writes a key of the line a second time, and numbers are whole', (t) => {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'sample',
    level: 'info',
    worker: 2,
    pretty: false,
    destination: { write: (line) => void lines.push(line) },
  });
  logger.info(
    { event: 'a', name: 'x', level: 'y', time: 1, msg: 'z', worker: 3, waitMs: 0.6 },
    'm',
  );
  const [line = ''] = lines;
  t.is(JSON.stringify(JSON.parse(line)).length, line.trimEnd().length, 'no key twice');
  t.like(JSON.parse(line), {
    name: 'sample',
    worker: 2,
    level: 'info',
    msg: 'm',
    nameField: 'x',
    workerField: 3,
    waitMs: 1,
  });
});
