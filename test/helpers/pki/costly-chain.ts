import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  bitString,
  booleanTrue,
  decode,
  type DerNode,
  encode,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  tagged,
  time,
} from '../../../common/pki/der/der.ts';
import { distinguishedName } from '../../../common/pki/der/distinguished-name.ts';

/** How the keys of the authorities are. */
export interface CostlyKeys {
  readonly modulusBytes: number;
  readonly exponentBytes: number;
}

/** What OpenSSL takes longest for: an exponent as long as the modulus, of the size up to which it takes that. */
export const COSTLIEST: CostlyKeys = { modulusBytes: 384, exponentBytes: 383 };

const NULL: DerNode = decode(Buffer.from([5, 0]));
const SHA256_WITH_RSA = sequence(objectIdentifier('1.2.840.113549.1.1.11'), NULL);

/**
 * A leaf below so many authorities that nobody has the keys of: moduli and signatures are random numbers. It
 * proves nothing, and OpenSSL looks at each signature all the same.
 */
export function costlyChain(
  authorities: number,
  { modulusBytes, exponentBytes }: CostlyKeys = COSTLIEST,
): { readonly cert: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = (at: number): DerNode =>
    distinguishedName({ organization: 'costly', commonName: String(at) });
  const validity = sequence(time(Date.now() - 3_600_000), time(Date.now() + 3_600_000));
  const certificate = (at: number): string => {
    const spki =
      at === 0
        ? decode(publicKey.export({ type: 'spki', format: 'der' }))
        : rsaKey(modulusBytes, exponentBytes);
    const constraints = sequence(
      objectIdentifier('2.5.29.19'),
      booleanTrue(),
      octetString(encode(sequence(booleanTrue()))),
    );
    const tbs = sequence(
      tagged(0, integer(Uint8Array.of(2))),
      integer(Uint8Array.of(at + 1)),
      SHA256_WITH_RSA,
      name(at + 1),
      validity,
      name(at),
      spki,
      ...(at === 0 ? [] : [tagged(3, sequence(constraints))]),
    );
    const signature = bitString(number(modulusBytes, 0x10));
    const der = encode(sequence(tbs, SHA256_WITH_RSA, signature)).toString('base64');
    return `-----BEGIN CERTIFICATE-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  };
  const cert = Array.from({ length: authorities + 1 }, (_, at) => certificate(at)).join('');
  return { cert, key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}

/** The key of an authority alone. */
export function costlyKey({ modulusBytes, exponentBytes }: CostlyKeys = COSTLIEST) {
  const key = encode(rsaKey(modulusBytes, exponentBytes));
  return createPublicKey({ key, type: 'spki', format: 'der' });
}

function rsaKey(modulusBytes: number, exponentBytes: number): DerNode {
  const modulus = Buffer.concat([Uint8Array.of(0), number(modulusBytes, 0x80)]);
  const key = sequence(integer(modulus), integer(number(exponentBytes, 0x40)));
  return sequence(sequence(objectIdentifier('1.2.840.113549.1.1.1'), NULL), bitString(encode(key)));
}

/** An odd one of so many bytes, the first of which has this bit. */
function number(bytes: number, firstBit: number): Buffer {
  const random = randomBytes(bytes);
  random[0] = ((random[0] ?? 0) & (firstBit - 1)) | firstBit;
  random[bytes - 1] = (random[bytes - 1] ?? 0) | 1;
  return random;
}
