import { toPem } from '../../../common/pki/pem.ts';
import type { TestWorkload } from '../../helpers/mesh/test-authority.ts';

/** The contents of the two files that an operator has of a certificate. */
export function certificateFiles(
  name: string,
  { privateKey, chain }: Pick<TestWorkload, 'privateKey' | 'chain'>,
): Readonly<Record<string, string>> {
  return {
    [`${name}.pem`]: toPem(chain),
    [`${name}.key`]: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}
