import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { readSettings } from '../../../common/config/read-settings.ts';
import {
  checkProxyConfig,
  PROXY_SETTINGS,
  type ProxyConfig,
} from '../../../proxy/config/sidecar.ts';

function configFrom(...flags: readonly string[]): ProxyConfig {
  const spec = { name: 'hauberk proxy', summary: '', settings: PROXY_SETTINGS };
  const request = readSettings(spec, ['--service=web', ...flags], {});
  if (request.kind !== 'run') throw new Error('expected settings');
  return request.settings;
}

for (const [what, allowed, refused, says] of [
  [
    'another port for peers than the one that is intercepted around',
    ['--transparent', '--advertise=203.0.113.9:15008'],
    ['--transparent', '--advertise=203.0.113.9:25008'],
    /--advertise: port 25008 is not 15008, .* --transparent needs them to be the same/,
  ],
  [
    'interception without interception',
    ['--transparent', '--outbound=mesh-only'],
    ['--outbound=mesh-only'],
    /--outbound has an effect only with --transparent/,
  ],
  [
    'a port that is exposed twice',
    ['--expose=80', '--expose=81'],
    ['--expose=80', '--expose=80=127.0.0.1:81'],
    /the port 80 is exposed twice/,
  ],
  [
    'a caller that is told of a port that is not exposed',
    ['--expose=80', '--forward-client-cert=80'],
    ['--expose=80', '--forward-client-cert=81'],
    /--forward-client-cert: port 81 is not exposed/,
  ],
  [
    'a caller that is told where any client may come in',
    ['--transparent', '--ingress=80', '--forward-client-cert=81'],
    ['--transparent', '--ingress=80', '--forward-client-cert=80'],
    /--forward-client-cert: port 80 accepts plaintext by --ingress/,
  ],
] as const) {
  test(`${what} is refused`, (t) => {
    t.notThrows(() => checkProxyConfig(configFrom(...allowed)));
    t.throws(() => checkProxyConfig(configFrom(...refused)), { message: says });
  });
}

test('explicit sidecars may have another port for peers', (t) => {
  t.notThrows(() => checkProxyConfig(configFrom('--advertise=203.0.113.9:25008')));
});

test('a sidecar logs no requests, and has no format for them', (t) => {
  t.notThrows(() => configFrom('--access-log'));
  t.throws(() => configFrom('--access-log-format=clf'), { message: /no flag --access-log-format/ });
});

test('control planes: one, several with commas, a flag for each, a word or a list in the file', (t) => {
  const read = (flags: readonly string[], env = {}): readonly string[] => {
    const spec = { name: 'hauberk proxy', summary: '', settings: PROXY_SETTINGS, readsFile: true };
    const request = readSettings(spec, ['--service=web', ...flags], env);
    if (request.kind !== 'run') throw new Error('expected settings');
    return request.settings.controlPlane.map(({ host, port }) => `${host} ${port}`);
  };
  const directory = mkdtempSync(path.join(tmpdir(), 'hauberk-config-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = (text: string): string[] => {
    const name = path.join(directory, 'hauberk.yaml');
    writeFileSync(name, text);
    return ['--config', name];
  };
  const several = ['a 15012', 'b 15013'];
  t.deepEqual(read([]), ['127.0.0.1 15012']);
  t.deepEqual(read(['--control-plane=a:15012, b:15013']), several);
  t.deepEqual(read(['--control-plane', 'a:15012', '--control-plane', 'b:15013']), several);
  t.deepEqual(read([], { HAUBERK_CONTROL_PLANE: 'a:15012,b:15013' }), several);
  t.deepEqual(read(file('controlPlane: a:15012\n')), ['a 15012']);
  t.deepEqual(read(file('controlPlane: a:15012,b:15013\n')), several);
  t.deepEqual(read(file('controlPlane: [a:15012, b:15013]\n')), several);
  t.throws(() => read(['--control-plane=a:15012,']), { message: /HOST:PORT/ });
  t.throws(() => read(file('controlPlane: []\n')), { message: /at least one/ });
});
