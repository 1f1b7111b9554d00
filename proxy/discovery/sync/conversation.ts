import { toInterestMessage, type Scope } from '../../../common/wire/interest.ts';
import type { Hello, SyncRequest } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { InterestSource } from '../interest/interest.ts';
import type { MutableMeshView, ViewUpdate } from '../mutable-view.ts';

/** What a stream is asked for, and what its control plane has answered. */
export interface Conversation {
  /** Later ones have higher numbers. */
  readonly number: number;
  /** What the Hello says of the view and the interest. */
  readonly start: Pick<Hello, 'interest' | 'interestVersion' | 'resumeVersion'>;
  /** Applies what a message says of endpoints. */
  take(update: ViewUpdate): void;
  /** What is to be asked for now, and is from then on; undefined when nothing is, or an answer is awaited. */
  nextChange(): SyncRequest | undefined;
  /** The stream cannot be asked for what is wanted now: another Hello can. */
  readonly isOutgrown: boolean;
}

/** What conversations have in common. */
export interface ConversationsOptions {
  readonly interest: InterestSource;
  readonly view: MutableMeshView;
  /** What the view knows from an earlier stream, and the present one may not have told changes of. */
  readonly unconfirmed: Set<Scope>;
  /** Version of the view, as far as the newest of everything else is in force. */
  readonly resumeVersion: () => number;
}

/**
 * Keeps the view complete about what is wanted, over one stream after the other. Whatever the stream before was
 * asked for meanwhile is asked of the next one again, since only that one is heard from then on.
 */
export class Conversations {
  readonly #options: ConversationsOptions;
  #begun = 0;
  #heard = 0;

  constructor(options: ConversationsOptions) {
    this.#options = options;
  }

  /** True for the one whose messages count: the newest that was answered. What an older one says late is of the past. */
  isHeard({ number }: Conversation): boolean {
    return number === this.#heard;
  }

  /** True for one whose messages count no more. */
  isPast({ number }: Conversation): boolean {
    return number < this.#heard;
  }

  /** A message has come: this one is heard, unless a newer one is. */
  hear({ number }: Conversation): boolean {
    this.#heard = Math.max(this.#heard, number);
    return number === this.#heard;
  }

  /** Begins one, for a stream that is being opened. */
  begin(): Conversation {
    const { interest, view, unconfirmed } = this.#options;
    const { wanted } = interest;
    const resumeVersion = this.#options.resumeVersion();
    const isKnown = (scope: Scope): boolean => view.isComplete(scope) && !unconfirmed.has(scope);
    // What is not known yet is asked for afterwards, so that a control plane that is behind the view is told so.
    const resumed = [...(wanted ?? [])].filter(isKnown);
    let named: ReadonlySet<Scope> = new Set(resumeVersion === 0 ? wanted : resumed);
    const unanswered = new Set<Scope>();
    /** Of the control plane; undefined before it has answered. */
    let knowsInterests: boolean | undefined;

    const takeFirst = (update: ViewUpdate): void => {
      knowsInterests = update.complete !== undefined;
      unconfirmed.clear();
      if (update.kind === 'snapshot' || !knowsInterests) return;
      // A view of everything had more, and an earlier stream may have been asked for more since the Hello.
      view.keepOnly(named.union(interest.wanted ?? new Set()));
      for (const scope of view.complete ?? []) if (!named.has(scope)) unconfirmed.add(scope);
    };
    this.#begun += 1;
    return {
      number: this.#begun,
      start: {
        interest: wanted && toInterestMessage(named),
        interestVersion: wanted === undefined ? 0 : resumeVersion,
        // An older control plane takes it for one of a view of everything.
        resumeVersion: view.complete === undefined ? resumeVersion : 0,
      },
      take(update) {
        if (knowsInterests === undefined) takeFirst(update);
        // A snapshot that was on its way has what was dropped since, of which nothing more is told.
        const complete = update.complete?.filter((scope) => named.has(scope));
        view.apply({ ...update, complete });
        for (const scope of complete ?? []) {
          unanswered.delete(scope);
          unconfirmed.delete(scope);
        }
      },
      nextChange() {
        const next = interest.wanted;
        if (knowsInterests !== true || next === undefined || unanswered.size > 0) return undefined;
        // Everything named was answered; what the view has lost since, because it was dropped on another stream, is asked again.
        const added = new Set([...next].filter((one) => !named.has(one) || !view.isComplete(one)));
        const dropped = named.difference(next);
        if (added.size + dropped.size === 0) return undefined;
        named = new Set(next);
        for (const scope of added) unanswered.add(scope);
        if (dropped.size > 0) {
          for (const scope of dropped) unconfirmed.delete(scope);
          view.keepOnly(next);
        }
        const change = { added: toInterestMessage(added), dropped: toInterestMessage(dropped) };
        return { message: { $case: 'interestChange', value: change } };
      },
      get isOutgrown() {
        if (wanted === undefined) return interest.wanted !== undefined;
        return knowsInterests !== false && interest.wanted === undefined;
      },
    };
  }
}
