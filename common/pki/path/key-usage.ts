import type { CertificateDetails } from '../der/certificate-details.ts';
import { bitStringFlags, booleanValue, sequenceChildren } from '../der/der.ts';
import { EXTENSION_OIDS } from '../der/extensions.ts';

/** What an extension says of a certificate's key (RFC 5280 sections 4.2.1.3 and 4.2.1.9). */
export interface KeyUsage {
  /** basicConstraints says that it is an authority, whatever keyUsage says. */
  readonly isAuthority: boolean;
  /** True without keyUsage, which leaves everything allowed. */
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly cRLSign: boolean;
  readonly isRestricted: boolean;
}

/** Bits of keyUsage, counted from the first. */
const BIT = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

/** Reads it. Throws an Error when one of the two extensions is not what it should be. */
export function keyUsageOf({ extensions }: CertificateDetails): KeyUsage {
  const usage = extensions.get(EXTENSION_OIDS.keyUsage);
  const flags = usage === undefined ? undefined : bitStringFlags(usage.value);
  if (usage !== undefined && flags === undefined) throw new Error('expected a keyUsage of bits');
  const has = (bit: number): boolean => flags === undefined || flags[bit] === true;
  return {
    isAuthority: isAuthority(extensions),
    digitalSignature: has(BIT.digitalSignature),
    keyCertSign: has(BIT.keyCertSign),
    cRLSign: has(BIT.cRLSign),
    isRestricted: flags !== undefined,
  };
}

function isAuthority(extensions: CertificateDetails['extensions']): boolean {
  const constraints = extensions.get(EXTENSION_OIDS.basicConstraints);
  if (constraints === undefined) return false;
  const fields = sequenceChildren(constraints.value);
  if (fields === undefined) throw new Error('expected basicConstraints of fields');
  return booleanValue(fields[0]) === true;
}
