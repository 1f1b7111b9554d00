import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type {
  AccessAnswer,
  AuthorityAnswer,
  CertificateLine,
  CertificatesAnswer,
  ExpiringCertificate,
  LogAnswer,
} from '../../control-plane/dashboard/answers/answers.ts';
import { ask, change } from '../data/api.ts';
import { Resource } from '../parts/loaded.ts';
import { after } from '../data/time.ts';
import type { OpenPage, Page, PageContext } from '../parts/page.ts';
import { authorityCards } from '../parts/authority.ts';
import { accessCards } from '../parts/access.ts';
import { errorNotice, notice } from '../parts/notice.ts';
import { moment, remainingLife, serviceLink, short } from '../parts/small.ts';
import { card, table } from '../parts/table.ts';

/** A person types for longer than this between two letters only when the word is complete. */
const TYPING_MS = 250;

/** The certificates of the mesh: who has which, who issues them, who is kept out. */
export const openCertificates: OpenPage = (context) => new CertificatesPage(context);

class CertificatesPage implements Page {
  readonly title = 'Certificates';
  readonly #context: PageContext;
  readonly #authority: Resource<AuthorityAnswer>;
  readonly #access: Resource<AccessAnswer>;
  readonly #log: Resource<CertificatesAnswer>;
  #text = '';
  #cancelSearch: () => void = () => {};
  #verified: LogAnswer | 'running' | Error | undefined;

  constructor(context: PageContext) {
    this.#context = context;
    const came = (answer: { readonly nowMs: number } | undefined): void => {
      if (answer !== undefined) context.clock.set(answer.nowMs);
      context.redraw();
    };
    this.#authority = new Resource(() => ask('authority'), came);
    this.#access = new Resource(() => ask('access'), came);
    this.#log = new Resource(() => ask('certificates', { text: this.#text }), came);
  }

  /** The mesh has changed: what is issued and what expires may have, too. */
  onEvent(): void {
    this.#reload();
  }

  close(): void {
    this.#cancelSearch();
  }

  #reload(): void {
    this.#authority.reload();
    this.#access.reload();
    this.#log.reload();
  }

  template(): TemplateResult {
    const context = this.#context;
    return html`
      <div class="page-head">
        <h1>Certificates</h1>
        <p>who has which, who issues them, and who is kept out</p>
      </div>
      ${this.#authority.show((answer) => authorityCards(answer, context))}
      <div class="grid">
        ${card(
          'Expires next',
          this.#authority.show(({ expiring }) => this.#expiring(expiring)),
          { wide: true },
        )}
        ${card(
          'Issuance log',
          this.#log.show((answer) => this.#issued(answer)),
          { wide: true, beside: this.#searchField() },
        )}
        ${this.#access.show((answer) =>
          accessCards(answer, { context, changed: () => this.#reload() }),
        )}
      </div>
    `;
  }

  #searchField(): TemplateResult {
    const onInput = (event: InputEvent): void => {
      this.#text = event.target instanceof HTMLInputElement ? event.target.value : '';
      this.#cancelSearch();
      this.#cancelSearch = after(TYPING_MS, () => this.#log.reload());
    };
    return html`<input
        type="search"
        aria-label="Search the issuance log"
        placeholder="service, serial, token"
        @input=${onInput}
      />
      <button
        class="button"
        ?disabled=${this.#verified === 'running'}
        @click=${() => void this.#verify()}
      >
        Verify the chain
      </button>`;
  }

  async #verify(): Promise<void> {
    this.#verified = 'running';
    this.#context.redraw();
    try {
      this.#verified = await ask('log');
    } catch (error) {
      this.#verified = error instanceof Error ? error : new Error(String(error));
    }
    this.#context.redraw();
  }

  #verifiedNotice(): TemplateResult | typeof nothing {
    const verified = this.#verified;
    if (verified === undefined) return nothing;
    if (verified === 'running') return html`<p class="body" role="status">Verifying …</p>`;
    if (verified instanceof Error) return errorNotice(verified);
    const { entries, head, findings } = verified;
    if (findings.length > 0) {
      return notice('bad', html`${findings.map((finding) => html`<p>${finding}</p>`)}`);
    }
    return notice(
      'info',
      html`All ${entries} entries are as they were sealed; the chain ends at <code>${head}</code>.`,
    );
  }

  #issued({ certificates, searched, more }: CertificatesAnswer): TemplateResult {
    const { clock, session } = this.#context;
    const columns = [
      { name: 'Service', cell: (line: CertificateLine) => serviceLink(line) },
      { name: 'Namespace', cell: ({ namespace }: CertificateLine) => namespace },
      { name: 'Serial', cell: ({ serial }: CertificateLine) => short(serial) },
      {
        name: 'Issued',
        kind: 'nowrap' as const,
        cell: ({ issuedMs }: CertificateLine) => moment(issuedMs, clock),
      },
      {
        name: 'Expires',
        kind: 'nowrap' as const,
        cell: ({ notAfterMs }: CertificateLine) => moment(notAfterMs, clock),
      },
      {
        name: 'Proof',
        cell: ({ proof, tokenId }: CertificateLine) =>
          html`${proof} ${tokenId === undefined ? nothing : short(tokenId)}`,
      },
      ...(session.mayChange
        ? [{ name: 'Action', cell: (line: CertificateLine) => this.#revokeButton(line) }]
        : []),
    ];
    return html`
      ${this.#verifiedNotice()}
      ${table('Issued certificates', columns, certificates, 'No certificate fits.')}
      ${
        more
          ? html`<p class="empty">
              The newest of ${searched} entries are shown; search for a service or a serial to see
              others.
            </p>`
          : nothing
      }
    `;
  }

  #revokeButton(line: CertificateLine): TemplateResult | typeof nothing {
    if (line.notAfterMs <= this.#context.clock.nowMs()) return nothing;
    const onClick = (): void =>
      this.#context.confirm({
        title: 'Revoke a certificate?',
        what: html`The certificate <code>${line.serial}</code> of
          <b>${line.service}.${line.namespace}</b>, and every one that was renewed from it, will be
          refused everywhere within moments. Its connections end. It cannot be taken back.`,
        verb: 'Revoke it',
        perform: async () => {
          await change('revoke-certificate', { serial: line.serial });
          this.#reload();
        },
      });
    return html`<button class="button" data-kind="danger" @click=${onClick}>Revoke</button>`;
  }

  #expiring(expiring: readonly ExpiringCertificate[]): TemplateResult {
    const { clock } = this.#context;
    return table<ExpiringCertificate>(
      'Certificates in use by their expiry',
      [
        { name: 'Service', cell: serviceLink },
        { name: 'Namespace', cell: ({ namespace }) => namespace },
        { name: 'Instance', cell: ({ instanceId }) => short(instanceId) },
        {
          name: 'Remaining life',
          kind: 'nowrap',
          cell: ({ notAfterMs }) => remainingLife(notAfterMs, clock),
        },
        { name: 'Serial', cell: ({ serial }) => short(serial) },
        { name: 'Sidecar', cell: ({ connected }) => (connected ? 'connected' : 'away') },
      ],
      expiring.slice(0, 12),
      'No sidecar has a certificate yet.',
    );
  }
}
