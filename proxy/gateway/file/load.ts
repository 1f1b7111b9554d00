import { createHash } from 'node:crypto';
import { allMistakes, ConfigError } from '../../../common/config/config-error.ts';
import { readTextFile } from '../../../common/config/text-file.ts';
import { readYamlDocument } from '../../../common/config/yaml-document.ts';
import { GATEWAY_FILE_SCHEMA, type ListenerConfig } from '../config/gateway-file.ts';
import { tryCertificates } from '../tls/try-certificates.ts';

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
 * Reads the gateway's file and all that it names, and tries the certificates.
 *
 * @param beforeReading is told of each file, also of one that is not there
 * @throws ConfigError with all mistakes
 */
export async function loadGatewayFile(
  path: string,
  beforeReading: (path: string) => void,
): Promise<LoadedListener[]> {
  const read = (named: string, what: string): string => {
    beforeReading(named);
    return readTextFile(named, { what, maxBytes: MAX_FILE_BYTES });
  };
  const text = read(path, 'the configuration file');
  const { listeners } = readYamlDocument({ text, name: path }, GATEWAY_FILE_SCHEMA);
  const mistakes: ConfigError[] = [];
  const loaded: LoadedListener[] = [];
  // All files first, at one moment: a replaced certificate comes with its key.
  for (const config of listeners) {
    const files = new Map<string, string>();
    for (const { path: named, role } of filesOf(config)) {
      try {
        files.set(named, read(named, `the ${role} of the listener ${config.name}`));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        mistakes.push(error);
      }
    }
    const digest = createHash('sha256')
      .update(JSON.stringify([config, ...files]))
      .digest('hex');
    loaded.push({ config, files, digest });
  }
  for (const listener of loaded) mistakes.push(...(await tryCertificates(listener)));
  // What cannot be read is tried again without a change of the file: that has to be seen.
  const isUnread = ({ code }: ConfigError): number => (code === 'file-unreadable' ? 0 : 1);
  const [first, ...others] = mistakes.toSorted((a, b) => isUnread(a) - isUnread(b));
  if (first !== undefined) throw allMistakes([first, ...others]);
  return loaded;
}

/** A file that a listener names, and what it is there for. */
interface NamedFile {
  readonly path: string;
  readonly role: 'certificate' | 'key' | 'CA of client certificates';
}

/** The files that a listener needs, each once. */
function filesOf(config: ListenerConfig): NamedFile[] {
  if (!('tls' in config) || config.tls.mode !== 'Terminate') return [];
  const { certificates, clientCertificate } = config.tls;
  const files: NamedFile[] = certificates.flatMap(({ certificate, key }) => [
    { path: certificate, role: 'certificate' },
    { path: key, role: 'key' },
  ]);
  if (clientCertificate !== undefined) {
    files.push({ path: clientCertificate.ca, role: 'CA of client certificates' });
  }
  return [...new Map(files.map((file) => [file.path, file])).values()];
}
