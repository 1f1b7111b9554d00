import { type MonotonicClock, type MonotonicMs, plusMs } from '../../../common/clock.ts';
import { DashboardError } from '../dashboard-error.ts';
import { createSecret, secretDigest } from './secret.ts';
import type { SessionGrant } from './sessions.ts';

/** Long enough to go to another window and paste; a link that lies in a history is of no use soon. */
export const LINK_LIFETIME_MS = 5 * 60_000;

/** A person needs one. Bounds the memory; the oldest goes first. */
const MAX_LINKS = 100;

/** The codes of sign-in links: each opens one session, once, within five minutes. */
export class SignInLinks {
  readonly #clock: MonotonicClock;
  /** By the digest of the code, the oldest first. */
  readonly #links = new Map<
    string,
    { readonly grant: SessionGrant; readonly untilMs: MonotonicMs }
  >();

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** The code of a new link. */
  create(grant: SessionGrant): string {
    const code = createSecret();
    const untilMs = plusMs(this.#clock.monotonicMs(), LINK_LIFETIME_MS);
    this.#links.set(secretDigest(code), { grant, untilMs });
    const [oldest] = this.#links.keys();
    if (this.#links.size > MAX_LINKS && oldest !== undefined) this.#links.delete(oldest);
    return code;
  }

  /** What the link grants; it is used up with that. @throws DashboardError `link-unknown` */
  redeem(code: string): SessionGrant {
    const digest = secretDigest(code);
    const link = this.#links.get(digest);
    this.#links.delete(digest);
    if (link !== undefined && this.#clock.monotonicMs() < link.untilMs) return link.grant;
    const sentence = 'this sign-in link was used already, or is older than five minutes';
    throw new DashboardError('link-unknown', sentence, {
      hint: 'make another one: hauberk dashboard',
    });
  }
}
