import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { AccessAnswer } from '../../control-plane/dashboard/answers/answers.ts';
import type {
  OperatorCredential,
  RevocationEntry,
  Token,
} from '../../proto/gen/hauberk/v1/admin.ts';
import { change } from '../data/api.ts';
import type { PageContext } from './page.ts';
import { moment, nameOf, short, tag } from './small.ts';
import { card, table } from './table.ts';

/** What the tables do. */
interface AccessActions {
  readonly context: PageContext;
  readonly changed: () => void;
}

/** Tokens, revocations, and the credentials of operators. */
export function accessCards(
  { tokens, revocations, operators }: AccessAnswer,
  actions: AccessActions,
): TemplateResult {
  return html`
    ${card('Join tokens', tokenTable(tokens, actions), { wide: true })}
    ${card('Revocations', revocationTable(revocations, actions))}
    ${card('Operators', operatorTable(operators, actions.context), { wide: true })}
  `;
}

function tokenTable(tokens: readonly Token[], actions: AccessActions): TemplateResult {
  const { clock, session } = actions.context;
  const nowMs = clock.nowMs();
  return table<Token>(
    'Join tokens',
    [
      { name: 'Token', cell: ({ id }) => short(id) },
      { name: 'For', cell: ({ namespace, service = '*' }) => `${namespace}/${service}` },
      { name: 'State', cell: (token) => stateOf(token, nowMs) },
      {
        name: 'Uses',
        kind: 'number',
        cell: ({ uses, usesAllowed }) => `${uses} of ${usesAllowed ?? '∞'}`,
      },
      { name: 'Made', kind: 'nowrap', cell: ({ createdMs }) => moment(createdMs, clock) },
      { name: 'Expires', kind: 'nowrap', cell: ({ expiresMs }) => moment(expiresMs, clock) },
      ...(session.mayChange
        ? [{ name: 'Action', cell: (token: Token) => revokeToken(token, actions) }]
        : []),
    ],
    tokens,
    'There are no join tokens.',
  );
}

function stateOf(
  { revokedMs, expiresMs, uses, usesAllowed }: Token,
  nowMs: number,
): TemplateResult {
  if (revokedMs !== undefined) return tag('', 'revoked');
  if (expiresMs <= nowMs) return tag('', 'expired');
  if (usesAllowed !== undefined && uses >= usesAllowed) return tag('', 'used up');
  return tag('good', 'active');
}

function revokeToken(
  token: Token,
  { context, changed }: AccessActions,
): TemplateResult | typeof nothing {
  if (token.revokedMs !== undefined) return nothing;
  const ask = (): void =>
    context.confirm({
      title: 'Revoke a join token?',
      what: html`The token <code>${token.id}</code> for
        <b>${token.namespace}/${token.service ?? '*'}</b> lets nobody in any more. Certificates that
        it led to stay valid.`,
      verb: 'Revoke the token',
      perform: async () => {
        await change('revoke-token', { id: token.id, withCertificates: false });
        changed();
      },
    });
  return html`<button class="button" data-kind="danger" @click=${ask}>Revoke</button>`;
}

function revocationTable(
  revocations: readonly RevocationEntry[],
  actions: AccessActions,
): TemplateResult {
  const { clock, session } = actions.context;
  return table<RevocationEntry>(
    'Revocations',
    [
      {
        name: 'Whose',
        cell: ({ spiffeId }) => `${nameOf(spiffeId).service}.${nameOf(spiffeId).namespace}`,
      },
      {
        name: 'What',
        cell: ({ serial }) => (serial === undefined ? 'the whole identity' : short(serial)),
      },
      { name: 'Revoked', kind: 'nowrap', cell: ({ revokedMs }) => moment(revokedMs, clock) },
      {
        name: 'Readmitted',
        kind: 'nowrap',
        cell: (entry) => readmitted(entry, actions, session.mayChange),
      },
    ],
    revocations,
    'Nothing is revoked.',
  );
}

function readmitted(
  { spiffeId, serial, readmittedMs }: RevocationEntry,
  { context, changed }: AccessActions,
  mayChange: boolean,
): unknown {
  if (readmittedMs !== undefined) return moment(readmittedMs, context.clock);
  if (serial !== undefined || !mayChange) return 'no';
  const ask = (): void =>
    context.confirm({
      title: 'Readmit an identity?',
      what: html`<b>${spiffeId}</b> may have certificates again, with a new join token. Those from
        before stay revoked.`,
      verb: 'Readmit it',
      perform: async () => {
        await change('readmit', { spiffeId });
        changed();
      },
    });
  return html`<button class="button" @click=${ask}>Readmit</button>`;
}

function operatorTable(
  operators: readonly OperatorCredential[],
  { clock }: PageContext,
): TemplateResult {
  return table<OperatorCredential>(
    'Credentials of operators',
    [
      { name: 'Serial', cell: ({ serial }) => short(serial) },
      {
        name: 'Expires',
        kind: 'nowrap',
        cell: ({ notAfterMs, revoked }) =>
          revoked ? tag('', 'revoked') : moment(notAfterMs, clock),
      },
      {
        name: 'Last used',
        kind: 'nowrap',
        cell: ({ lastUsedMs }) => (lastUsedMs === undefined ? 'never' : moment(lastUsedMs, clock)),
      },
      { name: 'From', cell: ({ lastAddress = '' }) => lastAddress },
      { name: 'For', cell: ({ lastCall = '' }) => html`<code>${lastCall}</code>` },
    ],
    operators,
    'No operator has a credential.',
  );
}
