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
