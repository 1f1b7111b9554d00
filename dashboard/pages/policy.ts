import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { live } from '/lib/lit-html/directives/live.js';
import type {
  ChangedDecision,
  DryRunAnswer,
  ExplainAnswer,
  PolicyAnswer,
  PolicyVersion,
} from '../../control-plane/dashboard/answers/answers.ts';
import { ask, change, dryRun } from '../data/api.ts';
import { Resource } from '../parts/loaded.ts';
import type { OpenPage, Page, PageContext } from '../parts/page.ts';
import { difference } from '../parts/difference.ts';
import { explanation } from '../parts/explain.ts';
import { errorNotice, notice } from '../parts/notice.ts';
import { moment, tag } from '../parts/small.ts';
import { card, table } from '../parts/table.ts';
import { textField } from '../parts/text-field.ts';

/** The configuration of the mesh: what is in force, what it was, what decides, what would change. */
export const openPolicy: OpenPage = (context) => new PolicyPage(context);

class PolicyPage implements Page {
  readonly title = 'Policy';
  readonly #context: PageContext;
  readonly #policy: Resource<PolicyAnswer>;
  #version: number | undefined;
  /** What was asked, so that a link leads to the answer. */
  #asked: Readonly<Record<string, string>>;
  #explained: ExplainAnswer | Error | undefined;
  #draft: string | undefined;
  #tried: DryRunAnswer | Error | undefined;

  constructor(context: PageContext) {
    this.#context = context;
    this.#asked = Object.fromEntries(context.search);
    this.#policy = new Resource(
      () => ask('policy', { version: this.#version }),
      () => context.redraw(),
    );
    if (context.search.has('port')) void this.#explain();
  }

  onEvent(_topic: string, value: unknown): void {
    const { configVersion } = value as { readonly configVersion?: number };
    if (configVersion !== undefined && configVersion !== this.#policy.value?.inForce) {
      this.#policy.reload();
    }
  }

  template(): TemplateResult {
    return html`
      <div class="page-head">
        <h1>Policy</h1>
        <p>who may call whom, by which rule, and what would change</p>
      </div>
      <div class="grid">
        ${card('Explain', html`<div class="body stack">${this.#explainForm()}</div>`, {
          wide: true,
        })}
        ${this.#policy.show((policy) => this.#versions(policy))}
      </div>
    `;
  }

  #versions(policy: PolicyAnswer): TemplateResult {
    const { version, inForce, file } = policy;
    const title = version === inForce ? `In force: version ${version}` : `Version ${version}`;
    return html`
      ${card(
        title,
        html`${file === undefined ? nothing : notice('info', html`It comes from the file <code>${file}</code>.`)}
        ${
          policy.document === ''
            ? html`<p class="empty">
                Nothing is configured: every service of the mesh may call every other one.
              </p>`
            : html`<pre class="document" tabindex="0" role="region" aria-label="The document">
${policy.document}</pre>`
        }`,
      )}
      ${card(`What version ${version} changed`, difference(policy.difference, 'Difference'))}
      ${card('Versions', this.#versionTable(policy))}
      ${card('What would change', html`<div class="body stack">${this.#dryRun(policy)}</div>`)}
    `;
  }

  #versionTable({ versions, version: shown, inForce }: PolicyAnswer): TemplateResult {
    const { clock, session } = this.#context;
    const show = (version: number): void => {
      this.#version = version;
      this.#policy.reload();
    };
    return table<PolicyVersion>(
      'Versions of the configuration',
      [
        {
          name: 'Version',
          cell: ({ version }) =>
            html`<button
              class="button"
              aria-pressed=${version === shown ? 'true' : 'false'}
              @click=${() => show(version)}
            >
              ${version}
            </button>`,
        },
        {
          name: 'Applied',
          kind: 'nowrap',
          cell: ({ appliedMs }) => (appliedMs === 0 ? '' : moment(appliedMs, clock)),
        },
        { name: 'By', cell: ({ origin }) => origin },
        {
          name: 'State',
          cell: ({ version }) =>
            version === inForce
              ? tag('good', 'in force')
              : this.#rollback(version, session.mayChange),
        },
      ],
      versions,
      '',
    );
  }

  #rollback(version: number, mayChange: boolean): TemplateResult | typeof nothing {
    if (!mayChange) return nothing;
    const onClick = (): void =>
      this.#context.confirm({
        title: `Roll back to version ${version}?`,
        what: html`Its document becomes the next version, and every sidecar of the mesh decides by
        it within moments. Connections that it does not allow end.`,
        verb: `Roll back to ${version}`,
        perform: async () => {
          await change('rollback', { version });
          this.#version = undefined;
          this.#policy.reload();
        },
      });
    return html`<button class="button" @click=${onClick}>Roll back to it</button>`;
  }

  #explainForm(): TemplateResult {
    const field = (name: string, label: string, placeholder: string): TemplateResult =>
      textField({ name, label, placeholder, value: this.#asked[name] ?? '' });
    const onSubmit = (event: SubmitEvent): void => {
      event.preventDefault();
      if (!(event.target instanceof HTMLFormElement)) return;
      const given = [...new FormData(event.target)].map(([key, value]) => [
        key,
        typeof value === 'string' ? value.trim() : '',
      ]);
      this.#asked = Object.fromEntries(given) as Record<string, string>;
      void this.#explain();
    };
    return html`
      <form class="row" @submit=${onSubmit} aria-label="Explain a connection">
        ${field('from', 'From', 'web.shop')} ${field('to', 'To', 'api.shop')}
        ${field('port', 'Port', '8080')} ${field('method', 'Method (optional)', 'GET')}
        ${field('path', 'Path (optional)', '/orders')}
        <button class="button" data-kind="main">Explain</button>
      </form>
      ${
        this.#explained === undefined
          ? nothing
          : this.#explained instanceof Error
            ? errorNotice(this.#explained)
            : explanation(this.#explained)
      }
    `;
  }

  async #explain(): Promise<void> {
    const { from = '', to = '', port = '', method = '', path = '' } = this.#asked;
    const [fromService = '', fromNamespace = 'default'] = from.split('.');
    const [toService = '', toNamespace = 'default'] = to.split('.');
    try {
      this.#explained = await ask('explain', {
        fromService,
        fromNamespace,
        toService,
        toNamespace,
        port,
        method: method.toUpperCase(),
        path,
      });
      const search = new URLSearchParams(Object.entries(this.#asked).filter(([, text]) => text));
      history.replaceState(null, '', `/policy?${search.toString()}`);
    } catch (error) {
      this.#explained = error instanceof Error ? error : new Error(String(error));
    }
    this.#context.redraw();
  }

  #dryRun({ document, file }: PolicyAnswer): TemplateResult {
    const draft = this.#draft ?? document;
    const onInput = (event: InputEvent): void => {
      if (event.target instanceof HTMLTextAreaElement) this.#draft = event.target.value;
      this.#tried = undefined;
      this.#context.redraw();
    };
    const mayApply = this.#context.session.mayChange && file === undefined;
    const tried = this.#tried;
    const isSound = tried !== undefined && !(tried instanceof Error) && tried.mistakes.length === 0;
    return html`
      <label class="field"
        ><span>A configuration to try; nothing is changed by that</span>
        <textarea rows="12" spellcheck="false" .value=${live(draft)} @input=${onInput}></textarea>
      </label>
      <div class="row">
        <button class="button" data-kind="main" @click=${() => void this.#try(draft)}>
          Try it
        </button>
        ${
          mayApply && isSound && tried.difference.length > 0
            ? html`<button
                class="button"
                data-kind="danger"
                @click=${() => this.#apply(draft, tried)}
              >
                Apply it …
              </button>`
            : nothing
        }
      </div>
      ${tried === undefined ? nothing : tried instanceof Error ? errorNotice(tried) : dryRunOutcome(tried)}
    `;
  }

  async #try(document: string): Promise<void> {
    this.#draft = document;
    let tried: DryRunAnswer | Error;
    try {
      tried = await dryRun(document);
    } catch (error) {
      tried = error instanceof Error ? error : new Error(String(error));
    }
    // What is shown, and applied, is of the text that stands there: it may have been changed meanwhile.
    if (this.#draft !== document) return;
    this.#tried = tried;
    this.#context.redraw();
  }

  /** In place of the version that it was tried against: what others have applied since is not undone unseen. */
  #apply(document: string, { decisions, inForce: baseVersion }: DryRunAnswer): void {
    const refused = decisions.filter(({ after }) => after === 'refused');
    this.#context.confirm({
      title: `Apply it as version ${baseVersion + 1}?`,
      what: html`Every sidecar of the mesh decides by it within moments.
      ${decisions.length === 1 ? 'One decision changes' : `${decisions.length} decisions change`};
      ${refused.length === 1 ? 'one connection that is' : `${refused.length} connections that are`}
      allowed now will be
      refused${
        refused.length === 0
          ? ''
          : `, such as ${refused
              .slice(0, 3)
              .map(({ from, to }) => `${from} → ${to}`)
              .join(', ')}`
      }.`,
      verb: 'Apply it',
      perform: async () => {
        await change('apply', { document, baseVersion });
        this.#draft = this.#tried = this.#version = undefined;
        this.#policy.reload();
      },
    });
  }
}

function dryRunOutcome(tried: DryRunAnswer): TemplateResult {
  const { mistakes, decisions, truncated, routes } = tried;
  if (mistakes.length > 0) {
    return notice(
      'bad',
      html`<ul>
        ${mistakes.map(
          ({ line, column, sentence }) =>
            html`<li>line ${line}, column ${column}: ${sentence}</li>`,
        )}
      </ul>`,
    );
  }
  return html`
    <h3>Lines</h3>
    ${difference(tried.difference, 'What would be different')}
    <h3>Decisions about connections between services that are there</h3>
    ${table<ChangedDecision>(
      'Decisions that would change',
      [
        { name: 'From', cell: ({ from }) => from },
        { name: 'To', cell: ({ to }) => to },
        { name: 'Now', cell: ({ before }) => before },
        {
          name: 'Then',
          cell: ({ after }) => tag(after === 'refused' ? 'bad' : 'good', after),
        },
        { name: 'Because', cell: ({ why }) => why },
      ],
      decisions,
      'None would change.',
    )}
    ${truncated ? notice('warn', 'There are more pairs of services than were looked at.') : nothing}
    ${routes.map((sentence) => html`<p>${sentence}</p>`)}
  `;
}
