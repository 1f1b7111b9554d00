import { setting } from '../../common/config/settings.ts';
import { integer, label } from '../../common/config/values.ts';
import type { CertificateInfo } from '../client.ts';
import { formatJson } from '../output/json.ts';
import { formatMoment, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from './admin-command.ts';

const HEADER = ['SERIAL', 'SERVICE', 'NAMESPACE', 'ISSUED', 'EXPIRES', 'PROOF'];

/** `hauberk certs` */
export const run = adminCommand(
  {
    name: 'hauberk certs',
    summary:
      'Shows the issuance log: every certificate that the control plane has signed, with its identity, its expiry, and the proof that it was issued for.',
    settings: {
      limit: setting(integer({ min: 1, max: 100_000 }).default(50), {
        description: 'how many to show, the newest first',
        placeholder: 'COUNT',
      }),
      namespace: setting(label.optional(), {
        description: 'only certificates of this namespace',
        placeholder: 'NAME',
      }),
      service: setting(label.optional(), {
        description: 'only certificates of this service',
        placeholder: 'NAME',
      }),
    },
    examples: [
      {
        purpose: 'the last ten of one service',
        line: 'hauberk certs --namespace shop --service web --limit 10',
      },
    ],
  },
  async (client, { limit, namespace, service, json }, context) => {
    const certificates = await client.listCertificates({ limit, namespace, service });
    const nowMs = context.clock.epochMs();
    if (json) return formatJson({ certificates: certificates.map(certificateDocument) });
    const rows = certificates.map((certificate) => [
      certificate.serial,
      certificate.service,
      certificate.namespace,
      formatMoment(certificate.issuedMs, nowMs),
      formatMoment(certificate.notAfterMs, nowMs),
      [certificate.proof, certificate.tokenId ?? ''].join(' ').trim(),
    ]);
    return formatTable(HEADER, rows);
  },
);

/** A certificate as `--json` prints it; docs/json-output.md describes it. */
function certificateDocument(certificate: CertificateInfo) {
  return {
    serial: certificate.serial,
    namespace: certificate.namespace,
    service: certificate.service,
    issuedAt: toTimestamp(certificate.issuedMs),
    notAfter: toTimestamp(certificate.notAfterMs),
    proof: certificate.proof,
    tokenId: certificate.tokenId ?? null,
  };
}
