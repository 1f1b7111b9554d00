import test from 'ava';
import { findNamespace } from '../../../cli/verify/find-namespace.ts';
import {
  formatNamespaceSelector,
  parseNamespaceSelector,
} from '../../../cli/verify/namespace-selector.ts';
import { VerifyError } from '../../../cli/verify/verify-error.ts';
import { ConfigError } from '../../../common/config/config-error.ts';

for (const text of ['host', 'netns:web', 'pid:4711', 'container:shop-web_1.x', 'web']) {
  test(`a place is read and written: ${text}`, (t) =>
    t.is(formatNamespaceSelector(parseNamespaceSelector(text)), text));
}

for (const text of [
  '',
  'netns:',
  'netns:../etc',
  'pid:0',
  'pid:self',
  'container:-f',
  'Web!',
  'a b',
]) {
  test(`this is no place: ${JSON.stringify(text)}`, (t) => {
    const { message } = t.throws(() => parseNamespaceSelector(text), { instanceOf: ConfigError });
    t.regex(
      message,
      /^expected netns:NAME, pid:PID, container:NAME, the name of a service, or host/,
    );
  });
}

test('the namespace of a process is entered', async (t) => {
  const { name, enter } = await findNamespace({ kind: 'pid', pid: process.pid }, undefined);
  t.is(name, `pid:${process.pid}`);
  t.deepEqual(enter, ['nsenter', `--net=/proc/${process.pid}/ns/net`, '--']);
  t.deepEqual((await findNamespace({ kind: 'host' }, undefined)).enter, []);
});

test('a namespace that is not there, and a service of no project, are one sentence', async (t) => {
  const missing = await t.throwsAsync(
    findNamespace({ kind: 'netns', name: 'nowhere' }, undefined),
    {
      instanceOf: VerifyError,
    },
  );
  t.is(missing.code, 'place-unknown');
  const service = await t.throwsAsync(findNamespace({ kind: 'service', name: 'web' }, undefined), {
    instanceOf: ConfigError,
  });
  t.is(service.hint, 'add --project NAME, or write netns:web or container:web');
});
