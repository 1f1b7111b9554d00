import { createHash, createPrivateKey, sign } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** As `sha256sum --check` reads it. */
export const CHECKSUMS = 'SHA256SUMS';

/**
 * Writes the digests of files and, with a key, their signature: Ed25519 over the file of digests, 64 bytes.
 * docs/install.md says how openssl verifies it.
 *
 * @param keyFile a private key of Ed25519 in PEM
 * @returns the names of the files in the folder
 * @throws Error where the key is of another kind
 */
export async function writeChecksums(
  folder: string,
  names: readonly string[],
  keyFile: string | undefined,
): Promise<string[]> {
  const lines = await Promise.all(
    names.toSorted().map(async (name) => {
      const hash = createHash('sha256');
      await pipeline(createReadStream(join(folder, name)), hash);
      return `${hash.digest('hex')}  ${name}\n`;
    }),
  );
  const text = lines.join('');
  await writeFile(join(folder, CHECKSUMS), text);
  if (keyFile === undefined) return [CHECKSUMS];
  const key = createPrivateKey(readFileSync(keyFile));
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new Error(
      `${keyFile} has a key of ${key.asymmetricKeyType}; make one with: openssl genpkey -algorithm ed25519`,
    );
  }
  await writeFile(join(folder, `${CHECKSUMS}.sig`), sign(null, Buffer.from(text), key));
  return [CHECKSUMS, `${CHECKSUMS}.sig`];
}
