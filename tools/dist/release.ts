import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, type Bundle } from './bundle.ts';
import { run } from './run.ts';
import { licenseTexts, readThirdParties, type ThirdParty } from './third-party.ts';

/** The part of package.json that installations are made from. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly license: string;
  readonly type: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** What everything is made from that can be installed. */
export interface Release {
  /** The folder of the sources. */
  readonly root: string;
  /** Where what is made goes. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly bundle: Bundle;
  readonly thirdParties: readonly ThirdParty[];
  /** The licenses of what is in the bundle. */
  readonly licenses: string;
  /** The time that everything in it has: that of the commit, so that it can be made again. */
  readonly epochSeconds: () => number;
}

/** Reads and bundles the sources. */
export async function prepareRelease(root: string, folder: string): Promise<Release> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const bundled = await bundle(root);
  const thirdParties = readThirdParties(root, bundled.packages);
  const licenses = licenseTexts(thirdParties);
  const epochSeconds = (): number => sourceDate(root);
  return { root, folder, manifest, bundle: bundled, thirdParties, licenses, epochSeconds };
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
function sourceDate(root: string): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  return Number(given ?? run('git', ['log', '-1', '--format=%ct'], { cwd: root }));
}
