import { generateKeyPairSync, type KeyObject } from 'node:crypto';

/** The keys that a certificate of the mesh can hold. */
export type KeyAlgorithm = 'p256' | 'p384' | 'ed25519';

/** Makes a new private key; P-256 is by far the fastest to sign with in TLS handshakes. */
export function generatePrivateKey(algorithm: KeyAlgorithm = 'p256'): KeyObject {
  switch (algorithm) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
  }
}
