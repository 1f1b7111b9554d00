import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { setting } from '../../common/config/settings.ts';
import { integer, label, valueType, type ValueType } from '../../common/config/values.ts';
import { ADMIN_SETTINGS } from '../admin/settings.ts';
import type { CliContext } from '../cli-context.ts';
import type { CertificateInfo, LogHead } from '../admin/client.ts';
import { formatJson } from '../output/json.ts';
import { formatMoment, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand, askControlPlane } from '../admin/admin-command.ts';

const HEADER = ['SERIAL', 'SERVICE', 'NAMESPACE', 'ISSUED', 'EXPIRES', 'PROOF'];

/** `hauberk certs` */
export const showLog = adminCommand(
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
  async (client, { limit, namespace, service, json }, { clock }) => {
    const certificates = await client.listCertificates({ limit, namespace, service });
    if (json) return { certificates: certificates.map(certificateDocument) };
    const nowMs = clock.epochMs();
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

const logHead: ValueType<LogHead> = valueType('SEQUENCE:HASH', (raw) => {
  const [, sequence, hash] = /^(\d{1,12}):([0-9a-f]{64})$/.exec(raw) ?? [];
  return hash === undefined ? undefined : { sequence: Number(sequence), hash };
});

const VERIFY_SPEC = {
  name: 'hauberk certs verify',
  summary:
    'Checks that no entry of the issuance log was changed, added or removed. Record its end in another place: with --head, the command then also detects a log that was rewritten as a whole.',
  settings: {
    head: setting(logHead.optional(), {
      description:
        'the end of the chain at an earlier verification; the chain must still contain it',
      placeholder: 'SEQUENCE:HASH',
    }),
    ...ADMIN_SETTINGS,
  },
  notes: ['Exit code 1 when the check fails.'],
};

/** `hauberk certs verify` */
export function verifyLog(context: CliContext): Promise<number> {
  return runCommand(VERIFY_SPEC, context, async ({ head: noted, json, ...connection }) => {
    const { entries, links, head, findings } = await askControlPlane(connection, (client) =>
      client.verifyCertificates(noted),
    );
    const end = `${head.sequence}:${head.hash}`;
    const sound = `${entries} entries are unchanged; the log ends at ${end}`;
    const text = findings.length === 0 ? [sound] : findings;
    context.stdout.write(
      json
        ? formatJson({ entries, links, head: end, findings })
        : text.map((line) => `${line}\n`).join(''),
    );
    return findings.length === 0 ? EXIT_CODE.ok : EXIT_CODE.failed;
  });
}
