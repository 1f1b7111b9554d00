import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { ExplainAnswer } from '../../control-plane/dashboard/answers/answers.ts';
import { notice } from './notice.ts';
import { short, tag } from './small.ts';
import { table } from './table.ts';

const KINDS = {
  allowed: 'good',
  refused: 'bad',
  differs: 'warn',
  unknown: 'warn',
  'not sent': 'warn',
} as const satisfies Record<ExplainAnswer['verdict'], string>;

/** Whether a caller may reach a port, which rule decides, and what each sidecar says. */
export function explanation(answer: ExplainAnswer): TemplateResult {
  const { verdict, from, to, why, rules, route, perRequest, endpoints, version, warnings } = answer;
  return html`<div class="stack" role="status">
    <p class="verdict">
      ${tag(KINDS[verdict], verdict)}
      <span><b>${from}</b> → <b>${to}</b>, because ${why}</span>
    </p>
    <p>
      ${
        rules.length === 0
          ? 'No rule is about it'
          : html`Decided by ${rules.map((rule) => html`<code>${rule}</code> `)}`
      },
      version ${version} of the
      configuration${
        perRequest ? '; rules decide about each request: name a method and a path' : ''
      }${route === undefined ? '' : `; sent by the route ${route}`}.
    </p>
    ${warnings.map((warning) => notice('warn', `${warning}.`))}
    ${
      endpoints.length === 0
        ? nothing
        : table<ExplainAnswer['endpoints'][number]>(
            'What each sidecar decides',
            [
              { name: 'Instance', cell: ({ instanceId }) => short(instanceId) },
              { name: 'Answer', cell: (one) => one.verdict },
              { name: 'Because', cell: (one) => one.why },
            ],
            endpoints,
            '',
          )
    }
  </div>`;
}
