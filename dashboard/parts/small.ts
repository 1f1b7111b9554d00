import { html, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { formatDate, formatMoment, formatSpan, type ServerClock } from '../data/time.ts';

/** A word in a frame. */
export function tag(kind: 'good' | 'warn' | 'bad' | 'loud' | '', text: string): TemplateResult {
  return html`<span class="tag" data-kind=${kind}>${text}</span>`;
}

/** A moment as people say it, with the date as its title. */
export function moment(momentMs: number, clock: ServerClock): TemplateResult {
  return html`<time title=${formatDate(momentMs)}>${formatMoment(momentMs, clock.nowMs())}</time>`;
}

/** Enough of a serial number or a digest to tell two apart. */
const DIGITS = 12;

/** The beginning of a serial number or a digest, with all of it as its title. */
export function short(text: string): TemplateResult {
  const shown = text.length > DIGITS ? `${text.slice(0, DIGITS)}…` : text;
  return html`<code title=${text}>${shown}</code>`;
}

/** What is left of a certificate, as a bar: of an hour, unless its whole life is known. */
export function remainingLife(
  notAfterMs: number,
  clock: ServerClock,
  lifetimeMs = 3_600_000,
): TemplateResult {
  if (notAfterMs === 0) return html`<span>unknown</span>`;
  const leftMs = notAfterMs - clock.nowMs();
  if (leftMs <= 0) return tag('bad', 'expired');
  const wholeMs = Math.max(lifetimeMs, leftMs);
  const label = `${formatSpan(leftMs)} left`;
  return html`<meter
      min="0"
      max=${wholeMs}
      low=${wholeMs * 0.3}
      high=${wholeMs * 0.31}
      optimum=${wholeMs}
      .value=${leftMs}
      aria-label=${label}
    ></meter>
    <span title=${formatDate(notAfterMs)}>${label}</span>`;
}

/** A number with the digits in groups. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** `1 tunnel`, `2 tunnels` */
export function counted(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? '' : 's'}`;
}

/** A path of the service's page. */
export function servicePath({
  namespace,
  service,
}: {
  readonly namespace: string;
  readonly service: string;
}): string {
  return `/services/${namespace}/${service}`;
}

/** The name of a service, which leads to its page. */
export function serviceLink(name: {
  readonly namespace: string;
  readonly service: string;
}): TemplateResult {
  return html`<a href=${servicePath(name)}>${name.service}</a>`;
}

/** A namespace and a service out of a SPIFFE ID. */
export function nameOf(spiffeId: string): { readonly namespace: string; readonly service: string } {
  const [, namespace = '', service = spiffeId] =
    /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(spiffeId) ?? [];
  return { namespace, service };
}
