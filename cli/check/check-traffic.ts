import { formatHostPort } from '../../common/network/listen.ts';
import { NO_REPORT } from '../../common/wire/report.ts';
import { failed, ok, warning, type Finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

/** What passes in plaintext, and what cannot get outside. */
export function checkTraffic({ workloads }: MeshFacts): readonly Finding[] {
  const flows = workloads.flatMap(({ service, namespace, plaintext = NO_REPORT.plaintext }) =>
    plaintext.mostUsed.map(({ inbound, address, port, connections }) => {
      const way = inbound ? 'takes plaintext from' : 'sends plaintext to';
      return `${service}.${namespace} ${way} ${formatHostPort(address, port)} (${connections} connections)`;
    }),
  );
  const plaintext = flows.map((sentence) =>
    warning(
      'plaintext',
      sentence,
      'give the other side a sidecar, or refuse it: --outbound mesh-only, --inbound strict (docs/transparent.md)',
    ),
  );
  const outside = workloads.flatMap(({ service, namespace, egress }) =>
    egress
      .filter(({ why }) => why !== '')
      .map(({ host, port, condition, why }) =>
        failed(
          'egress',
          `${service}.${namespace} to ${formatHostPort(host, port)}: ${condition}, ${why}`,
          'docs/egress.md says what each condition means',
        ),
      ),
  );
  return [
    ...(plaintext.length > 0 ? plaintext : [ok('plaintext', 'nothing passes in plaintext')]),
    ...outside,
  ];
}
