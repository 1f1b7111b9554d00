import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { MeshAnswer } from '../../control-plane/dashboard/answers/answers.ts';
import type { FiguresAnswer } from '../../control-plane/dashboard/answers/figures.ts';
import { notice } from './notice.ts';
import { count, servicePath } from './small.ts';

/**
 * What a person should know before looking closer; what passes unencrypted comes first.
 *
 * @param silent how many sidecars do not report what passes them
 */
export function meshNotices(
  { services, federated, keysEncrypted }: MeshAnswer,
  figures: FiguresAnswer | undefined,
  silent: number,
): TemplateResult {
  const open = services.filter(({ plaintext }) => plaintext > 0);
  const total = open.reduce((sum, { plaintext }) => sum + plaintext, 0);
  const contested = services.filter(({ conflicts }) => conflicts > 0);
  const names = open.map(
    (one, at) =>
      html`${at > 0 ? ', ' : ''}<a href=${servicePath(one)}>${one.service}.${one.namespace}</a>`,
  );
  const failing = federated.filter(({ failingSinceMs }) => failingSinceMs !== undefined);
  return html`
    ${
      open.length === 0
        ? nothing
        : notice(
            'loud',
            html`Unencrypted: ${count(total)} connections passed in plaintext at ${names}.`,
          )
    }
    ${
      contested.length === 0
        ? nothing
        : notice(
            'bad',
            html`Two identities claim one address:
            ${contested.map((one) => html`<a href=${servicePath(one)}>${one.service}.${one.namespace}</a> `)}`,
          )
    }
    ${failing.map(({ trustDomain, failure }) =>
      notice(
        'warn',
        `The bundle of ${trustDomain} cannot be fetched: ${failure ?? 'no reason is known'}.`,
      ),
    )}
    ${
      silent === 0
        ? nothing
        : notice(
            'warn',
            html`${silent} of ${figures?.sidecars ?? 0} sidecars do not report what passes them:
              they are of an older version, or do not answer. <code>hauberk check</code> names the
              versions.`,
          )
    }
    ${figures?.unreached.map((sentence) => notice('warn', sentence)) ?? nothing}
    ${
      figures?.truncated === true
        ? notice(
            'warn',
            'There are more connections between services than are told apart; some are missing here.',
          )
        : nothing
    }
    ${
      keysEncrypted
        ? nothing
        : html`<p class="aside">
            The private keys of the mesh are not encrypted: whoever reads the data directory has
            them. See
            <code>hauberk ca rekey</code>.
          </p>`
    }
  `;
}
