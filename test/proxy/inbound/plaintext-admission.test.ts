import test from 'ava';
import { admitPlaintext, type InboundMode } from '../../../proxy/inbound/capture.ts';

function admit(address: string, port: number, mode: InboundMode): string {
  const admission = admitPlaintext({
    destination: { address, port },
    mode,
    ingress: [8080, 9090],
    isRestricted: (candidate) => [2380, 9090].includes(candidate),
    isOwnPort: (candidate) => [15_001, 15_006, 15_008, 15_020].includes(candidate),
    isOwnAddress: (candidate) => candidate === '10.0.0.1',
  });
  return admission.kind === 'admitted' ? 'admitted' : admission.reason;
}

for (const [address, port, strict, permissive] of [
  ['10.0.0.1', 5432, 'plaintext', 'admitted'],
  ['10.0.0.1', 8080, 'admitted', 'admitted'],
  // A port that names its callers is for nobody else, unless it says so itself.
  ['10.0.0.1', 2380, 'plaintext', 'plaintext'],
  ['10.0.0.1', 9090, 'admitted', 'admitted'],
  ['10.0.0.1', 15_006, 'own-port', 'own-port'],
  ['10.0.0.1', 15_008, 'own-port', 'own-port'],
  ['10.0.0.9', 5432, 'wrong-destination', 'wrong-destination'],
  ['10.0.0.9', 8080, 'wrong-destination', 'wrong-destination'],
  ['10.0.0.9', 15_006, 'own-port', 'own-port'],
] as const) {
  test(`plaintext for ${address}:${port}: strict ${strict}, permissive ${permissive}`, (t) => {
    t.is(admit(address, port, 'strict'), strict);
    t.is(admit(address, port, 'permissive'), permissive);
  });
}
