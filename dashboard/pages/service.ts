import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { ServiceAnswer } from '../../control-plane/dashboard/answers/answers.ts';
import type { EdgeFigures, FiguresAnswer } from '../../control-plane/dashboard/answers/figures.ts';
import type { Workload } from '../../proto/gen/hauberk/v1/admin.ts';
import { ask, change } from '../data/api.ts';
import { HistoryPanel } from '../parts/history.ts';
import { Resource } from '../parts/loaded.ts';
import type { OpenPage, Page, PageContext } from '../parts/page.ts';
import { notice } from '../parts/notice.ts';
import { Reasons } from '../parts/reasons.ts';
import { count, counted, moment, remainingLife, short, tag } from '../parts/small.ts';
import { card, table } from '../parts/table.ts';

/** One service: its sidecars with all that they tell. */
export const openService: OpenPage = (context) => new ServicePage(context);

class ServicePage implements Page {
  readonly title: string;
  readonly topics = 'mesh,figures';
  readonly #context: PageContext;
  readonly #namespace: string;
  readonly #service: string;
  readonly #answer: Resource<ServiceAnswer>;
  readonly #reasons: Reasons;
  readonly #history: HistoryPanel;
  #figures: FiguresAnswer | undefined;

  constructor(context: PageContext) {
    const [namespace = '', service = ''] = context.path;
    this.#context = context;
    this.#namespace = namespace;
    this.#service = service;
    this.title = `${service}.${namespace}`;
    this.#reasons = new Reasons(() => context.redraw());
    this.#history = new HistoryPanel(context, { namespace, service });
    this.#answer = new Resource(
      () => ask('service', { namespace, service }),
      (answer) => {
        if (answer !== undefined) context.clock.set(answer.nowMs);
        context.redraw();
      },
    );
  }

  onEvent(topic: string, value: unknown): void {
    if (topic === 'figures') this.#figures = value as FiguresAnswer;
    else this.#answer.reload();
  }

  close(): void {
    this.#history.close();
  }

  template(): TemplateResult {
    return html`
      <div class="page-head">
        <h1>${this.#service}</h1>
        <p>
          in the namespace ${this.#namespace} · <a href="/mesh?focus=${this.title}">in the mesh</a>
        </p>
      </div>
      ${this.#answer.show((answer) => this.#show(answer))}
    `;
  }

  #show({ instances, routes, viewVersion }: ServiceAnswer): TemplateResult {
    if (instances.length === 0) {
      return notice('warn', 'The control plane knows no sidecar of this service.');
    }
    const connected = instances.filter((one) => one.connected);
    const sum = (number: (one: Workload) => number): string =>
      count(instances.reduce((total, one) => total + number(one), 0));
    const plaintext = instances.reduce(
      (total, one) => total + (one.plaintext?.connections ?? 0),
      0,
    );
    return html`
      ${
        plaintext === 0
          ? nothing
          : notice(
              'loud',
              html`${count(plaintext)} connections of this service passed unencrypted.`,
            )
      }
      <dl class="figures">
        ${figure('Sidecars connected', html`${connected.length} <small>of ${instances.length}</small>`)}
        ${figure(
          'Open connections',
          sum((one) => one.openConnections),
        )}
        ${figure(
          'Open tunnels',
          sum((one) => one.openTunnels),
        )}
        ${figure(
          'Connections so far',
          sum((one) => one.totalConnections),
        )}
      </dl>
      <div class="grid">
        ${this.#failures()}
        ${card(
          'Calls to it, over time',
          html`<div class="body">${this.#history.template()}</div>`,
          {
            wide: true,
          },
        )}
        ${instances.map((one) => this.#instance(one, viewVersion))}
        ${card(
          'Routes',
          routes.length === 0
            ? html`<p class="empty">It has no routes: what it is sent is carried as bytes.</p>`
            : html`<ul class="body stack">
                ${routes.map((route) => html`<li><code>${route}</code></li>`)}
              </ul>`,
          { wide: true },
        )}
        ${this.#context.session.mayChange ? this.#revokeCard(instances) : nothing}
      </div>
    `;
  }

  /** What fails now, of what it calls and what calls it, and what to do. */
  #failures(): TemplateResult | typeof nothing {
    const name = `${this.#namespace}/${this.#service}`;
    const failing = (this.#figures?.edges ?? []).filter(
      ({ from, to, reasons }) => (from.name === name || to.name === name) && reasons.length > 0,
    );
    if (failing.length === 0) return nothing;
    return card(
      'Failing now',
      table<EdgeFigures>(
        'What fails now',
        [
          { name: 'From', cell: ({ from }) => from.name },
          { name: 'To', cell: ({ to, port }) => `${to.name}${port === 0 ? '' : `:${port}`}` },
          { name: 'Why, and what to do', cell: ({ reasons }) => this.#reasons.list(reasons) },
        ],
        failing,
        '',
      ),
      { wide: true },
    );
  }

  #revokeCard([first]: readonly Workload[]): TemplateResult | typeof nothing {
    if (first === undefined) return nothing;
    const { spiffeId } = first;
    const onClick = (): void =>
      this.#context.confirm({
        title: `Revoke ${this.title}?`,
        what: html`Every certificate of <b>${spiffeId}</b> will be refused everywhere within
          moments, its connections end, and it gets no new certificate until it is readmitted.`,
        verb: 'Revoke the identity',
        perform: async () => {
          await change('revoke-identity', { spiffeId });
          this.#answer.reload();
        },
      });
    return card(
      'Revoke the identity',
      html`<div class="body">
        <button class="button" data-kind="danger" @click=${onClick}>Revoke ${this.title} …</button>
      </div>`,
    );
  }

  #instance(one: Workload, viewVersion: number): TemplateResult {
    const { clock } = this.#context;
    const place = one.connected
      ? html`${tag('good', 'connected')}
        ${one.connectedSinceMs === undefined ? nothing : moment(one.connectedSinceMs, clock)}`
      : tag(one.expected ? 'warn' : 'bad', 'away');
    return card(
      `Sidecar ${one.instanceId.slice(0, 12)}`,
      html`<dl class="facts body">
          <dt>Identity</dt>
          <dd><code>${one.spiffeId}</code></dd>
          <dt>Addresses</dt>
          <dd>${addresses(one)}</dd>
          <dt>Exposed ports</dt>
          <dd>${one.anyPort ? 'any' : one.ports.join(', ') || 'none'}</dd>
          <dt>Certificate</dt>
          <dd>${remainingLife(one.certificateNotAfterMs, clock)}</dd>
          <dt>Serial</dt>
          <dd>${short(one.certificateSerial)}</dd>
          <dt>View</dt>
          <dd>
            version ${one.acknowledgedVersion}
            ${
              one.connected && one.acknowledgedVersion < viewVersion
                ? tag('warn', `${viewVersion} is current`)
                : nothing
            }
          </dd>
          <dt>Trust bundle</dt>
          <dd>version ${one.bundleVersion}</dd>
          <dt>Now</dt>
          <dd>
            ${counted(one.openConnections, 'connection')}, ${counted(one.openTunnels, 'tunnel')}
          </dd>
          <dt>Software</dt>
          <dd>${one.softwareVersion || 'unknown'}</dd>
        </dl>
        ${this.#complaints(one)}`,
      { beside: place },
    );
  }

  /** What is not as it should be, each with what to do. */
  #complaints(one: Workload): TemplateResult {
    const egress = one.egress.filter(
      ({ condition }) => condition !== 'ready' && condition !== 'ok',
    );
    return html`<div class="stack">
      ${one.contests.map(({ address, holder }) =>
        notice(
          'bad',
          html`${holder} was at ${address} first, and keeps what is called there. Give each its own
          address, or end the other one.`,
        ),
      )}
      ${one.missingUpstreams.map((upstream) =>
        notice(
          'warn',
          html`No sidecar exposes <b>${upstream}</b>. Start it, or correct --upstream.`,
        ),
      )}
      ${egress.map(({ host, port, condition, why }) =>
        notice('warn', html`${host}:${port} is ${condition}: ${why}`),
      )}
      ${
        (one.plaintext?.mostUsed.length ?? 0) === 0
          ? nothing
          : table(
              'What passes unencrypted',
              [
                {
                  name: 'Unencrypted',
                  cell: ({ inbound }: PlaintextFlow) => tag('loud', inbound ? 'from' : 'to'),
                },
                {
                  name: 'Address',
                  cell: ({ address, port }: PlaintextFlow) => `${address}:${port}`,
                },
                {
                  name: 'Connections',
                  kind: 'number' as const,
                  cell: ({ connections }: PlaintextFlow) => count(connections),
                },
              ],
              one.plaintext?.mostUsed ?? [],
              '',
            )
      }
    </div>`;
  }
}

type PlaintextFlow = NonNullable<Workload['plaintext']>['mostUsed'][number];

function addresses({ addresses: all, provenAddresses, hbonePort }: Workload): TemplateResult {
  return html`${all.map(
    (address) =>
      html`<code>${address}${hbonePort === 0 ? '' : `:${hbonePort}`}</code>
        ${provenAddresses.includes(address) ? nothing : tag('', 'a claim')} `,
  )}`;
}

function figure(name: string, value: unknown): TemplateResult {
  return html`<div class="figure">
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}
