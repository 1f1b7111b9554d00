// npm leaves out optional packages that want a newer Node.js than the one that runs npm, although ours runs them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

/** Debian 12 and Ubuntu 24.04 run npm on it. */
const OLDEST = 18;

interface LockedPackage {
  readonly optional?: boolean;
  readonly engines?: { readonly node?: string };
}

test('no optional package of the lock file wants a newer Node.js than that of old distributions', (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  const left = Object.entries(packages).filter(([, { optional, engines }]) => {
    const lowest = /^\D*(\d+)/.exec(engines?.node ?? '')?.[1];
    return optional === true && Number(lowest ?? 0) > OLDEST;
  });
  const names = left.map(([name]) => name);
  t.deepEqual(names, [], 'take `engines` out of these entries of package-lock.json');
});
