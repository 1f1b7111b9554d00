import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A package that is in the bundle. */
export interface ThirdParty {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** The text of its license, where the package has it. */
  readonly text: string;
}

/** What the packages in these folders say about themselves; `root` is the folder of package.json. */
export function readThirdParties(root: string, folders: readonly string[]): ThirdParty[] {
  return folders.map((folder) => {
    const path = join(root, folder);
    const { name, version, license } = JSON.parse(
      readFileSync(join(path, 'package.json'), 'utf8'),
    ) as Omit<ThirdParty, 'text'>;
    const [file] = globSync('{LICENSE,LICENCE,license}*', { cwd: path }).toSorted();
    return {
      name,
      version,
      license,
      text: file === undefined ? '' : readFileSync(join(path, file), 'utf8'),
    };
  });
}

const NO_TEXT = 'The package has no copy of its license: see https://spdx.org/licenses/.';

/** All licenses in one file, which has to go with the bundle. */
export function licenseTexts(parties: readonly ThirdParty[]): string {
  return parties
    .map(({ name, version, license, text }) => {
      return `${name} ${version}: ${license}\n\n${text.trim() || NO_TEXT}\n`;
    })
    .join(`\n${'-'.repeat(72)}\n\n`);
}
