import type { MonotonicClock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Routes } from '../../common/routes/backend-policy.ts';
import { addressScope, type Scope } from '../../common/wire/interest.ts';
import type { Departed } from '../discovery/departed.ts';
import type { Needs } from '../discovery/interest/needs.ts';
import { routeBackends } from '../discovery/interest/route-backends.ts';
import { whenComplete } from '../discovery/interest/when-complete.ts';
import type { MeshView } from '../discovery/mesh-view.ts';

/** What the control plane said of an address: a label of `hauberk_address_questions_total`. */
export const ADDRESS_ANSWERS = ['endpoint', 'departed', 'outside', 'none'] as const;

/** One of them; `none` when it said nothing in time. */
export type AddressAnswer = (typeof ADDRESS_ANSWERS)[number];

/** What asking takes. */
export interface MetAddressesOptions {
  readonly view: MeshView;
  readonly departed: Pick<Departed, 'wasAt'>;
  readonly needs: Pick<Needs, 'address'>;
  /** The routes in force. */
  readonly routes: () => Routes;
  readonly clock: MonotonicClock;
  readonly guard: Pick<Guard, 'promise'>;
  readonly onAnswer: (answer: AddressAnswer) => void;
}

/**
 * An answer takes a round trip; a control plane that is being restarted is back within this time, and a caller that
 * has to hear of a failure would rather hear of it soon.
 */
export const ANSWER_DEADLINE_MS = 3_000;

/** That an address is still called is said again after so long: often enough that it is not given up. */
const STILL_CALLED_MS = 60_000;

/** More than are followed. */
const MAX_REMEMBERED = 4_096;

/** The addresses that the application calls, where the view of the mesh has only what was asked for. */
export class MetAddresses {
  readonly #options: MetAddressesOptions;
  readonly #waiting = new Map<string, Promise<unknown>>();
  /** When it was said last that they are called. */
  readonly #saidMs = new Map<string, number>();

  constructor(options: MetAddressesOptions) {
    this.#options = options;
  }

  /** Addresses whose answer is waited for. */
  get pending(): number {
    return this.#waiting.size;
  }

  /**
   * Asks who has an address, unless the view says so already.
   *
   * @returns undefined when it is known; otherwise what resolves when it is, or was not answered in time
   */
  meet(address: string): Promise<unknown> | undefined {
    const { view, clock, guard } = this.#options;
    if (view.complete === undefined) return undefined;
    const scope = addressScope(address);
    const isKnown = view.isComplete(scope);
    this.#say(address, isKnown);
    const before = this.#waiting.get(address);
    if (before !== undefined) return before;
    if (isKnown) return undefined;
    const answered = whenComplete(
      () => [scope, ...this.#backendsAt(address)],
      view,
      clock,
      ANSWER_DEADLINE_MS,
    );
    if (answered === undefined) return undefined;
    const waiting = answered.then(() => {
      this.#waiting.delete(address);
      this.#options.onAnswer(this.#answerAt(address));
    });
    this.#waiting.set(address, waiting);
    guard.promise('outbound', waiting);
    return waiting;
  }

  /** Requests to a service that is there may go to those. */
  #backendsAt(address: string): Scope[] {
    const there = this.#options.view.endpointsAt(address);
    if (there.length === 0) return [];
    return routeBackends(this.#options.routes(), (parent) =>
      there.some(
        ({ spiffeId: { namespace, service } }) =>
          namespace === parent.namespace && service === parent.service,
      ),
    );
  }

  #answerAt(address: string): AddressAnswer {
    const { view, departed } = this.#options;
    if (!view.isComplete(addressScope(address))) return 'none';
    if (view.endpointsAt(address).length + view.claimsAt(address).length > 0) return 'endpoint';
    return departed.wasAt(address) ? 'departed' : 'outside';
  }

  #say(address: string, isKnown: boolean): void {
    const { clock, needs } = this.#options;
    const nowMs = clock.monotonicMs();
    const saidMs = this.#saidMs.get(address);
    if (isKnown && saidMs !== undefined && nowMs - saidMs < STILL_CALLED_MS) return;
    if (this.#saidMs.size >= MAX_REMEMBERED) this.#saidMs.clear();
    this.#saidMs.set(address, nowMs);
    needs.address(address);
  }
}
