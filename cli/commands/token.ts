import { setting, switchSetting } from '../../common/config/settings.ts';
import { durationSeconds, integer, label } from '../../common/config/values.ts';
import type { Token } from '../../proto/gen/hauberk/v1/admin.ts';
import { formatMoment, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from '../admin/admin-command.ts';

const YEAR_SECONDS = 365 * 86_400;

/** `hauberk token create` */
export const createToken = adminCommand(
  {
    name: 'hauberk token create',
    summary:
      'Makes a join token, with which a sidecar gets its first certificate. The token is printed once, and nothing else, so that the output can go into a file; the control plane keeps only its hash.',
    settings: {
      namespace: setting(label, {
        description: 'namespace that the token is valid for',
        placeholder: 'NAME',
      }),
      service: setting(label.optional(), {
        description: 'the only service that it is valid for; by default any of the namespace',
        placeholder: 'NAME',
      }),
      ttl: setting(durationSeconds({ min: 1, max: YEAR_SECONDS }).default(3_600), {
        description: 'how long it can be used, as in 30m, 1h, 7d',
        placeholder: 'TIME',
        defaultText: '1h',
      }),
      uses: setting(integer({ min: 0, max: 2 ** 31 - 1 }).default(1), {
        description: 'how many sidecars may join with it; 0 is without limit',
        placeholder: 'COUNT',
      }),
    },
    examples: [
      {
        purpose: 'a token for one sidecar of the service web',
        line: 'hauberk token create --namespace shop --service web > web.token',
      },
      {
        purpose: 'a token for all sidecars of a Compose project, valid for a day',
        line: 'hauberk token create --namespace shop --ttl 1d --uses 0 > shop.token',
      },
    ],
  },
  async (client, { namespace, service, ttl, uses, json }, { clock, stderr }) => {
    const request = { namespace, service, ttlSeconds: ttl, uses: uses === 0 ? undefined : uses };
    const { joinToken, token } = await client.createToken(request);
    const nowMs = clock.epochMs();
    if (json) return { joinToken, ...tokenDocument(token, nowMs) };
    const scope = `${token.service ?? 'any service'} in ${token.namespace}`;
    const expiry = formatMoment(token.expiresMs, nowMs);
    stderr.write(`token ${token.id} for ${scope} expires ${expiry}\n`);
    return `${joinToken}\n`;
  },
);

const HEADER = ['ID', 'NAMESPACE', 'SERVICE', 'STATE', 'USES', 'CREATED', 'EXPIRES'];

/** `hauberk token list` */
export const listTokens = adminCommand(
  {
    name: 'hauberk token list',
    summary:
      'Lists the join tokens by their ids: the control plane does not keep the tokens themselves.',
    examples: [
      { purpose: 'tokens that are still valid', line: 'hauberk token list | grep active' },
    ],
  },
  async (client, { json }, { clock }) => {
    const tokens = await client.listTokens();
    const nowMs = clock.epochMs();
    if (json) return { tokens: tokens.map((token) => tokenDocument(token, nowMs)) };
    const rows = tokens.map((token) => [
      token.id,
      token.namespace,
      token.service ?? 'any',
      tokenState(token, nowMs),
      `${token.uses} of ${token.usesAllowed ?? 'any'}`,
      formatMoment(token.createdMs, nowMs),
      formatMoment(token.expiresMs, nowMs),
    ]);
    return formatTable(HEADER, rows);
  },
);

/** `hauberk token revoke` */
export const revokeToken = adminCommand(
  {
    name: 'hauberk token revoke',
    summary:
      'Revokes a join token at once. Sidecars that joined with it keep their certificates, unless --with-certificates revokes those too.',
    settings: {
      withCertificates: switchSetting({
        description:
          'also revoke every certificate that was issued for the token, renewals included',
      }),
    },
    operands: [{ name: 'id', description: 'the id from `hauberk token list`' }],
    examples: [
      { purpose: 'a token that was leaked', line: 'hauberk token revoke 3k9x' },
      {
        purpose: 'and the certificates of all sidecars that joined with it',
        line: 'hauberk token revoke 3k9x --with-certificates',
      },
    ],
  },
  async (client, { json, withCertificates }, { clock, operands: [id = ''] }) => {
    const { token, certificates } = await client.revokeToken(id, { withCertificates });
    if (json) {
      const document = tokenDocument(token, clock.epochMs());
      return withCertificates ? { ...document, certificates } : document;
    }
    const also = withCertificates ? `, and so are ${certificates} certificates` : '';
    return `token ${token.id} is revoked${also}\n`;
  },
);

/** Whether a token is still valid, and why not. */
function tokenState(token: Token, nowMs: number): 'active' | 'expired' | 'revoked' | 'used-up' {
  if (token.revokedMs !== undefined) return 'revoked';
  if (token.usesAllowed !== undefined && token.uses >= token.usesAllowed) return 'used-up';
  return token.expiresMs <= nowMs ? 'expired' : 'active';
}

/** A token as `--json` prints it; docs/json-output.md describes it. */
function tokenDocument(token: Token, nowMs: number): object {
  return {
    id: token.id,
    namespace: token.namespace,
    service: token.service ?? null,
    state: tokenState(token, nowMs),
    createdAt: toTimestamp(token.createdMs),
    expiresAt: toTimestamp(token.expiresMs),
    revokedAt: token.revokedMs === undefined ? null : toTimestamp(token.revokedMs),
    uses: token.uses,
    usesAllowed: token.usesAllowed ?? null,
  };
}
