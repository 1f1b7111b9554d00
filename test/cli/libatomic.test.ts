// The library that stands in for libatomic1: what its one function does, and that Node.js runs on it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';

const FOLDER = join(import.meta.dirname, `../../cli/libatomic/${process.platform}-${process.arch}`);
const onLinux = process.platform === 'linux' ? test : test.skip;

/** `bool __atomic_compare_exchange(size_t, void *object, void *expected, void *desired, int, int)` */
async function load() {
  const ffi = await import('node:ffi');
  const { functions } = ffi.dlopen(join(FOLDER, 'libatomic.so.1'), {
    __atomic_compare_exchange: {
      return: 'int32',
      arguments: ['uint64', 'buffer', 'buffer', 'buffer', 'int32', 'int32'],
    },
  });
  const { __atomic_compare_exchange: call } = functions;
  const SEQ_CST = 5;
  return (object: Buffer, expected: Buffer, desired: Buffer): boolean =>
    (Number(call(BigInt(object.length), object, expected, desired, SEQ_CST, SEQ_CST)) & 1) === 1;
}

// Sizes with an instruction of their own, at places that suit it and not, and sizes without one.
for (const bytes of [1, 2, 3, 4, 7, 8, 12, 16, 31]) {
  for (const offset of [0, 1, 4]) {
    onLinux(
      `${bytes} bytes at ${offset} are exchanged when they are the expected ones only`,
      async (t) => {
        const compareExchange = await load();
        // A buffer of its own begins at a multiple of eight.
        const around = Buffer.from(new ArrayBuffer(64)).fill(0xee);
        const object = around.subarray(offset, offset + bytes);
        const [old, wanted] = [Buffer.alloc(bytes, 0x11), Buffer.alloc(bytes, 0x22)];
        object.set(old);

        const wrong = Buffer.from(old);
        wrong[bytes - 1] = 0x12;
        t.false(compareExchange(object, wrong, wanted));
        t.deepEqual(object, old, 'nothing was written');
        t.deepEqual(wrong, old, 'the caller learns what is there');

        t.true(compareExchange(object, wrong, wanted));
        t.deepEqual(object, wanted);
        t.deepEqual(wrong, old);
        t.true(
          around.subarray(offset + bytes).every((byte) => byte === 0xee),
          'nothing beyond',
        );
      },
    );
  }
}

onLinux('Node.js runs on it, threads and WebAssembly included', (t) => {
  const program = `
    const { Worker, isMainThread } = require('node:worker_threads');
    // (func (export "f") (result i32) i32.const 7): its entry in V8's table is made with the function.
    const code = Uint8Array.from([0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,7,5,1,1,102,0,0,10,6,1,4,0,65,7,11]);
    for (let i = 0; i < 300; i++) {
      const module = new WebAssembly.Module(code);
      if (new WebAssembly.Instance(module).exports.f() !== 7) throw new Error('a wrong result');
    }
    globalThis.gc();
    if (isMainThread) {
      for (let i = 0; i < 3; i++) new Worker(__filename);
      console.log(require('node:fs').readFileSync('/proc/self/maps', 'utf8'));
    }`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--expose-gc',
      '--eval',
      program.replace('__filename', `${JSON.stringify(program)}, { eval: true }`),
    ],
    { env: { LD_LIBRARY_PATH: FOLDER }, encoding: 'utf8' },
  );
  t.is(stderr, '');
  t.is(status, 0);
  const loaded = stdout.split('\n').filter((line) => line.includes('libatomic'));
  t.true(loaded.length > 0 && loaded.every((line) => line.endsWith(`${FOLDER}/libatomic.so.1`)));
});
