import type { ListenerConfig } from '../config/gateway-file.ts';

/** A file that a listener names, and what it is there for. */
export interface NamedFile {
  readonly path: string;
  readonly role: 'certificate' | 'key' | 'CA of client certificates';
}

/** The files that a listener needs, each once. */
export function filesOf(config: ListenerConfig): NamedFile[] {
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
