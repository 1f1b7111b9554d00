import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { AuthorityAnswer } from '../../control-plane/dashboard/answers/answers.ts';
import type {
  BundleRoot,
  RootRotation,
  RotationBlocker,
} from '../../proto/gen/hauberk/v1/admin.ts';
import type { PageContext } from './page.ts';
import { notice } from './notice.ts';
import { moment, nameOf, remainingLife, short, tag } from './small.ts';
import { card, table } from './table.ts';

/** A root lives for ten years and an issuer for thirty days, unless they are of another PKI. */
const ROOT_LIFETIME_MS = 10 * 365 * 86_400_000;
const ISSUER_LIFETIME_MS = 30 * 86_400_000;

/** Root, issuer and bundle, and how far a rotation is. */
export function authorityCards(
  { authority, roots }: AuthorityAnswer,
  { clock }: PageContext,
): TemplateResult {
  const { rotation } = authority;
  return html`
    ${rotation === undefined ? nothing : rotationCard(rotation, clock)}
    <div class="grid">
      ${card(
        'Root and issuer',
        html`<dl class="facts body">
          <dt>Root</dt>
          <dd>
            ${short(authority.rootDigest)}
            ${authority.rootKeyHere ? nothing : tag('', 'its key is kept elsewhere')}
          </dd>
          <dt>Root expires</dt>
          <dd>${remainingLife(authority.rootNotAfterMs, clock, ROOT_LIFETIME_MS)}</dd>
          <dt>Issuer</dt>
          <dd>${short(authority.issuerSerial)}</dd>
          <dt>Issuer expires</dt>
          <dd>${remainingLife(authority.issuerNotAfterMs, clock, ISSUER_LIFETIME_MS)}</dd>
          <dt>Rotation</dt>
          <dd>${rotation === undefined ? 'none is under way' : phaseOf(rotation)}</dd>
        </dl>`,
      )}
      ${card(
        `Trust bundle, version ${authority.bundleVersion}`,
        table<BundleRoot>(
          'Trusted roots',
          [
            { name: 'Root', cell: ({ digest }) => short(digest) },
            { name: 'Subject', cell: ({ subject }) => subject },
            {
              name: 'Expires',
              kind: 'nowrap',
              cell: ({ notAfterMs }) => moment(notAfterMs, clock),
            },
            { name: 'Added', cell: ({ added }) => (added ? 'by an operator' : '') },
          ],
          roots,
          'No root is trusted.',
        ),
      )}
    </div>
  `;
}

function phaseOf({ phase, returning }: RootRotation): string {
  if (returning) return 'going back to the root before';
  return phase === 'prepared'
    ? 'phase 1 of 2: sidecars learn to trust both roots'
    : 'phase 2 of 2: certificates are replaced';
}

/** How far a rotation is, and who holds it up. */
function rotationCard(rotation: RootRotation, clock: PageContext['clock']): TemplateResult {
  const { done, total, blockers, awayTotal, deadlineMs } = rotation;
  return card(
    'The root is being rotated',
    html`<div class="body stack">
        <p>${phaseOf(rotation)}, since ${moment(rotation.phaseStartedMs, clock)}.</p>
        <p>
          <meter min="0" max=${Math.max(total, 1)} .value=${done} aria-label="Progress"></meter>
          ${done} of ${total}
          ${deadlineMs === undefined ? nothing : html`; ends ${moment(deadlineMs, clock)} at the latest`}
        </p>
        ${
          awayTotal === 0
            ? nothing
            : notice(
                'info',
                `${awayTotal} sidecars are away: they hold nothing up, and catch up when they return.`,
              )
        }
      </div>
      ${
        blockers.length === 0
          ? nothing
          : table<RotationBlocker>(
              'Who blocks the rotation',
              [
                { name: 'Waits for', cell: ({ spiffeId }) => nameOf(spiffeId).service },
                { name: 'Namespace', cell: ({ spiffeId }) => nameOf(spiffeId).namespace },
                { name: 'Instance', cell: ({ instanceId = '' }) => short(instanceId) },
                {
                  name: 'Connected',
                  cell: ({ connected }) => (connected ? 'yes' : tag('warn', 'no')),
                },
                {
                  name: 'At the latest',
                  cell: ({ notAfterMs }) =>
                    notAfterMs === undefined ? '' : html`expires ${moment(notAfterMs, clock)}`,
                },
              ],
              blockers,
              '',
            )
      }`,
  );
}
