import { ConfigError } from '../../common/config/config-error.ts';
import { switchSetting } from '../../common/config/settings.ts';
import { isLabel } from '../../common/names.ts';
import type { RevocationInfo, RevocationTarget } from '../admin/client.ts';
import { formatMoment, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from '../admin/admin-command.ts';

/** `hauberk revoke` */
export const revoke = adminCommand(
  {
    name: 'hauberk revoke',
    summary:
      'Revokes an identity or a certificate at once: no renewal, no new connection, and every sidecar closes the open ones.',
    settings: {
      force: switchSetting({ description: 'revoke even an identity that the mesh has never seen' }),
    },
    operands: [
      {
        name: 'target',
        description:
          'NAMESPACE/SERVICE: every certificate of it, until it is readmitted; or a serial from ' +
          '`hauberk certs`: that certificate and its renewals',
      },
    ],
    examples: [
      { purpose: 'a compromised service', line: 'hauberk revoke shop/web' },
      {
        purpose: 'the certificate of one host, whose key was stolen',
        line: 'hauberk revoke 4d1f6b0ac2e95f83d0a7b1c65e9f2a38',
      },
    ],
  },
  async (client, { force, json }, { operands: [operand = ''] }) => {
    const target: RevocationTarget = SERIAL.test(operand)
      ? { kind: 'serial', serial: operand.toLowerCase() }
      : parseIdentity(operand);
    const revocations = await client.revoke(target, { force });
    if (json) return { revocations: revocations.map(revocationDocument) };
    if (target.kind === 'serial') {
      const [{ namespace, service } = { namespace: '', service: '' }] = revocations;
      const count =
        revocations.length === 1 ? '1 certificate' : `${revocations.length} certificates`;
      return `${count} of ${namespace}/${service} revoked\n`;
    }
    const name = `${target.namespace}/${target.service}`;
    return `${name} is revoked; readmit it with: hauberk readmit ${name}\n`;
  },
);

/** `hauberk readmit` */
export const readmit = adminCommand(
  {
    name: 'hauberk readmit',
    summary:
      'Allows a revoked identity to get certificates again. Its earlier certificates stay revoked, so its sidecars need a join token.',
    operands: [{ name: 'identity', description: 'NAMESPACE/SERVICE' }],
    examples: [{ purpose: 'after the host was reinstalled', line: 'hauberk readmit shop/web' }],
  },
  async (client, { json }, { operands: [operand = ''] }) => {
    const { namespace, service } = parseIdentity(operand);
    const revocation = await client.readmit({ namespace, service });
    if (json) return revocationDocument(revocation);
    return (
      `${namespace}/${service} may have certificates again; its sidecars need a token: ` +
      `hauberk token create --namespace ${namespace} --service ${service}\n`
    );
  },
);

const HEADER = ['SERVICE', 'NAMESPACE', 'CERTIFICATES', 'REVOKED', 'READMITTED', 'LAST EXPIRES'];

/** `hauberk revocations` */
export const listRevocations = adminCommand(
  {
    name: 'hauberk revocations',
    summary:
      'Lists what is revoked: identities until they are readmitted, certificates until they have expired.',
  },
  async (client, { json }, { clock }) => {
    const list = await client.listRevocations();
    if (json) return { revocations: list.map(revocationDocument) };
    const nowMs = clock.epochMs();
    const rows = list.map((one) => [
      one.service,
      one.namespace,
      one.serial ?? 'all',
      formatMoment(one.revokedMs, nowMs),
      one.readmittedMs === undefined ? '-' : formatMoment(one.readmittedMs, nowMs),
      formatMoment(one.expiresMs, nowMs),
    ]);
    return formatTable(HEADER, rows);
  },
);

const SERIAL = /^[0-9a-f]{8,40}$/i;

/** Reads `NAMESPACE/SERVICE`. Throws ConfigError `value-malformed`. */
function parseIdentity(text: string): RevocationTarget & { readonly kind: 'identity' } {
  const [namespace = '', service = '', ...rest] = text.split('/');
  if (isLabel(namespace) && isLabel(service) && rest.length === 0) {
    return { kind: 'identity', namespace, service };
  }
  const got = JSON.stringify(text.slice(0, 128));
  throw new ConfigError('value-malformed', `expected NAMESPACE/SERVICE, got ${got}`, {
    hint: 'as in shop/web; a certificate is named by its serial from `hauberk certs`',
  });
}

/** A revocation as `--json` prints it; docs/json-output.md describes it. */
function revocationDocument(revocation: RevocationInfo): object {
  const { namespace, service, serial, revokedMs, readmittedMs, expiresMs } = revocation;
  return {
    namespace,
    service,
    serial: serial ?? null,
    revokedAt: toTimestamp(revokedMs),
    readmittedAt: readmittedMs === undefined ? null : toTimestamp(readmittedMs),
    lastExpiresAt: toTimestamp(expiresMs),
  };
}
