import test from 'ava';
import { readResolvers, resolversOf } from '../../../proxy/interception/init-netns.ts';

for (const [title, text, expected] of [
  [
    'of a host',
    'search example\nnameserver 192.0.2.53\nnameserver FD00:0::53\n',
    ['192.0.2.53', 'fd00::53'],
  ],
  ['of a stub', 'nameserver 127.0.0.53\noptions edns0', []],
  [
    'of Docker',
    'nameserver 127.0.0.11\n\n# ExtServers: [192.0.2.53 host(127.0.0.53)]\n',
    ['192.0.2.53'],
  ],
  [
    'of Docker on a host with a stub',
    '# ExtServers: [host(127.0.0.53)]\nnameserver 127.0.0.11',
    [],
  ],
  ['twice the same', 'nameserver 192.0.2.53\n# ExtServers: [192.0.2.53]', ['192.0.2.53']],
  ['in a comment', '# nameserver 192.0.2.53\n; nameserver 192.0.2.54', []],
  ['of nonsense', 'nameserver dns.example\nnameserver fe80::1%eth0\nnameserver', []],
] as const) {
  test(`the DNS servers ${title}`, (t) => t.deepEqual(resolversOf(text), [...expected]));
}

test('without the file there are none', async (t) => {
  t.deepEqual(await readResolvers('/nonexistent/resolv.conf'), []);
});
