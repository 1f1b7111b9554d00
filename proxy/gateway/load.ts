import { createHash } from 'node:crypto';
import { readTextFile } from '../../common/config/text-file.ts';
import { readYamlDocument } from '../../common/config/yaml-document.ts';
import { GATEWAY_FILE_SCHEMA, type ListenerConfig } from './config/gateway-file.ts';
import { filesOf } from './tls/certificate-files.ts';

/** A listener as the file has it, and the contents of the files that it names. */
export interface LoadedListener {
  readonly config: ListenerConfig;
  readonly files: ReadonlyMap<string, string>;
  /** The same for listeners that would do the same. */
  readonly digest: string;
}

/** Certificates have some kilobytes, bundles of roots some hundreds. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads the gateway's file and all that it names.
 *
 * @param beforeReading is told of each file, also of one that is not there
 * @throws ConfigError
 */
export function loadGatewayFile(
  path: string,
  beforeReading: (path: string) => void,
): LoadedListener[] {
  const read = (named: string, what: string): string => {
    beforeReading(named);
    return readTextFile(named, { what, maxBytes: MAX_FILE_BYTES });
  };
  const text = read(path, 'the configuration file');
  const { listeners } = readYamlDocument({ text, name: path }, GATEWAY_FILE_SCHEMA);
  return listeners.map((config) => {
    const files = new Map<string, string>();
    for (const { path: named, role } of filesOf(config)) {
      files.set(named, read(named, `the ${role} of the listener ${config.name}`));
    }
    const digest = createHash('sha256')
      .update(JSON.stringify([config, ...files]))
      .digest('hex');
    return { config, files, digest };
  });
}
