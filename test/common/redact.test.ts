import test from 'ava';
import { redact } from '../../common/redact.ts';

test('a token goes, what stands around it stays', (t) => {
  t.is(redact('file "hbk-1-abc-def-ghi" is gone'), 'file "hbk-[redacted]" is gone');
  t.is(redact('HBK-1-ABC-DEF'), 'hbk-[redacted]');
  t.is(redact('a token looks like hbk-1-<digest>'), 'a token looks like hbk-1-<digest>');
});

test('certificates stay readable', (t) => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  t.is(redact(pem), pem);
});

test('a hostile text of many unfinished keys takes linear time', (t) => {
  const started = performance.now();
  redact('-----BEGIN EC PRIVATE KEY-----'.repeat(20_000));
  t.true(performance.now() - started < 1_000);
});
