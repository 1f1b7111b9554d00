import { parsePortMapping, parsePorts, type PortMapping, specificAddress } from './port-mapping.ts';
import type { Attachment, Located, Service } from './project.ts';
import type { ServiceFields } from './service-fields.ts';
import { isPlainMap, type Plain, type PlainMap } from '../yaml/yaml-fields.ts';

/** The network that Compose gives to services which name none. */
const DEFAULT_NETWORK = 'default';

/** Reads `networks`, in their order. @throws ComposeError */
export function readAttachments(fields: ServiceFields): readonly Attachment[] {
  const attachments = fields.entries('networks').map(({ key, value, location }) => {
    if (key === undefined && typeof value === 'string') {
      return { network: fields.fillText('networks', value, location), options: {} };
    }
    const options = value ?? {};
    if (key !== undefined && isPlainMap(options)) return { network: key, options };
    throw fields.error('value-unfit', 'networks must be a list of names or a mapping', location);
  });
  return attachments.length > 0 ? attachments : [{ network: DEFAULT_NETWORK, options: {} }];
}

/** Reads `ports`, short and long forms. @throws ComposeError */
export function readPorts(fields: ServiceFields): readonly Located<PortMapping>[] {
  return fields.entries('ports').map((entry) => {
    const { location } = entry;
    const value = fields.fill(entry.value);
    const mapping = isPlainMap(value) ? longForm(value) : parsePortMapping(textIn(value));
    if (mapping !== undefined && entry.key === undefined) return { value: mapping, location };
    const sentence = `${JSON.stringify(entry.value)} is not a port mapping such as "8080:80"`;
    throw fields.error('value-unfit', sentence, location);
  });
}

function longForm(value: PlainMap): PortMapping | undefined {
  const target = parsePorts(textIn(value['target']));
  const publishedText = textIn(value['published']);
  const published = parsePorts(publishedText);
  if (target === undefined || (published === undefined && publishedText !== '')) return undefined;
  const protocol = textIn(value['protocol']) || 'tcp';
  return { target, published, protocol, hostAddress: specificAddress(textIn(value['host_ip'])) };
}

function textIn(value: Plain | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Reads `expose`; entries that are variables are passed over. @throws ComposeError */
export function readExposed(fields: ServiceFields): Service['exposed'] {
  return fields.texts('expose').flatMap(({ value, location }) => {
    const range = parsePorts(fields.fill(value).replace(/\/[a-z]+$/, ''));
    if (range === 'variable') return [];
    if (range !== undefined) return [{ value: range, location }];
    throw fields.error('value-unfit', `expose: ${JSON.stringify(value)} is not a port`, location);
  });
}

/** Reads `sysctls` and sets those of the network apart, which belong to its namespace. */
export function readSysctls(fields: ServiceFields): Service['sysctls'] {
  const all = fields.entries('sysctls').map(({ key, value }): [string, Plain] => {
    if (key !== undefined) return [key, value];
    const [name = '', ...rest] = textIn(value).split('=');
    return [name, rest.join('=')];
  });
  const pick = (net: boolean): PlainMap =>
    Object.fromEntries(all.filter(([name]) => name.startsWith('net.') === net));
  return { net: pick(true), others: pick(false) };
}
