import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { ServiceNode } from '../../control-plane/dashboard/answers/answers.ts';
import type { EdgeFigures } from '../../control-plane/dashboard/answers/figures.ts';
import { type Graph, sumOf } from '../graph/graph.ts';
import type { PageContext } from './page.ts';
import { formatMs, formatRate } from '../data/rates.ts';
import { count, remainingLife, serviceLink, tag } from './small.ts';
import { table } from './table.ts';

/** The services of a graph as a table: what the picture shows, for who reads rather than looks. */
export function serviceTable(
  { nodes }: Graph,
  edges: readonly EdgeFigures[],
  { clock }: PageContext,
): TemplateResult {
  const services = nodes.flatMap((node) => node.services);
  const into = Map.groupBy(edges, ({ to }) => to.name);
  const sums = (one: ServiceNode) => sumOf(into.get(`${one.namespace}/${one.service}`) ?? []);
  return table<ServiceNode>(
    'Services',
    [
      { name: 'Service', cell: serviceLink },
      { name: 'Namespace', cell: ({ namespace }) => namespace },
      { name: 'Sidecars', cell: sidecars },
      { name: 'Called', kind: 'number', cell: (one) => formatRate(sums(one).perSecond) },
      {
        name: 'Failing',
        kind: 'number',
        cell: (one) => {
          const { failuresPerSecond } = sums(one);
          return failuresPerSecond > 0 ? tag('bad', formatRate(failuresPerSecond)) : '0';
        },
      },
      { name: 'p99', kind: 'number', cell: (one) => formatMs(sums(one).p99Ms) },
      {
        name: 'Unencrypted',
        kind: 'number',
        cell: ({ plaintext }) => (plaintext > 0 ? tag('loud', count(plaintext)) : '0'),
      },
      { name: 'Ports', cell: ({ ports, anyPort }) => (anyPort ? 'any' : ports.join(', ')) },
      {
        name: 'Certificate',
        kind: 'nowrap',
        cell: ({ certificateNotAfterMs }) => remainingLife(certificateNotAfterMs, clock),
      },
    ],
    services,
    'No service fits the filter.',
  );
}

function sidecars({ connected, instances, behind }: ServiceNode): TemplateResult {
  const kind = connected === 0 ? 'bad' : connected < instances ? 'warn' : 'good';
  return html`${tag(kind, `${connected} of ${instances}`)}
  ${behind > 0 ? tag('warn', `${behind} behind`) : nothing}`;
}
