import { readFileSync } from 'node:fs';
import test from 'ava';
import { codeMappings, findUnmapCode } from '../../../common/process/unmap-code.ts';

const MAPS = `00400000-02800000 r--p 00000000 fe:00 1234       /opt/node 26/bin/node
02800000-05a00000 r-xp 02400000 fe:00 1234       /opt/node 26/bin/node
05a00000-05a10000 rw-p 05600000 fe:00 1234       /opt/node 26/bin/node
7f0000000000-7f0000100000 r-xp 00000000 fe:00 99 /lib/libc.so.6
7f1000000000-7f1000001000 r-xp 00000000 00:00 0  [vdso]
7f2000000000-7f2000001000 r-xp 00000000 00:00 0
`;

test('what is unmapped is the code of the program, and nothing that was written', (t) => {
  t.deepEqual(codeMappings(MAPS, '/opt/node 26/bin/node'), [
    { start: 0x2800000n, bytes: 0x3200000n },
  ]);
  t.deepEqual(codeMappings(MAPS, '/opt/node'), []);
});

test('a program goes on without its code in memory, and has less of its file', (t) => {
  if (process.platform !== 'linux') {
    t.pass();
    return;
  }
  const unmap = findUnmapCode();
  t.truthy(unmap);
  const fileKilobytes = (): number =>
    Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
  const before = fileKilobytes();
  unmap?.();
  const after = fileKilobytes();
  t.true(after < before, `${after} kB, ${before} kB before`);
});
