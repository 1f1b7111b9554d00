import type { Scope } from '../../common/wire/interest.ts';

/** What sidecars are told besides endpoints; each is told as a whole when it has changed. */
export type ViewTopic = 'bundle' | 'federated' | 'policy' | 'revocations';

/** An endpoint that came, changed or went. */
export interface TouchedEndpoint {
  readonly instanceId: string;
  /** The scopes that it fitted before; none for one that came. */
  readonly was: readonly Scope[];
}

/** What one version of the view changed: endpoints, and topics. */
export interface ViewTouch {
  readonly version: number;
  readonly endpoints: readonly TouchedEndpoint[];
  readonly topics: readonly ViewTopic[];
}

/** What has been touched since some version; the present state says how it is now. */
export interface TouchedSince {
  /** The scopes that each of them fitted at some time since then, before its last change; by instance id. */
  readonly endpoints: ReadonlyMap<string, readonly Scope[]>;
  readonly topics: ReadonlySet<ViewTopic>;
}

/**
 * So many changed endpoints are remembered (a few MB). A sidecar that missed more of them gets a
 * snapshot, which is not much larger then.
 */
export const MAX_REMEMBERED = 4096;

/** The recent changes of the view, so that a sidecar that was disconnected gets only what it missed. */
export class ChangeHistory {
  readonly #touches: ViewTouch[] = [];
  #remembered = 0;
  /** The version after which nothing was forgotten. */
  #base: number;
  /** Up to this revision of the store, everything is known here. */
  #followed: number;

  constructor(version: number) {
    this.#base = version;
    this.#followed = version;
  }

  /** Up to which revision of the store everything is known: the present view is as good as one of that version. */
  get followed(): number {
    return this.#followed;
  }

  /** Everything up to this revision is known. */
  follow(revision: number): void {
    this.#followed = Math.max(this.#followed, revision);
  }

  /** The version of the present view. */
  get version(): number {
    return this.#touches.at(-1)?.version ?? this.#base;
  }

  /** Remembers a version, which must be higher than all before. */
  add(touch: ViewTouch): void {
    this.follow(touch.version);
    this.#touches.push(touch);
    this.#remembered += touch.endpoints.length + 1;
    while (this.#remembered > MAX_REMEMBERED) {
      const forgotten = this.#touches.shift();
      if (forgotten === undefined) break;
      this.#remembered -= forgotten.endpoints.length + 1;
      this.#base = forgotten.version;
    }
  }

  /**
   * What changed after a version, which another control plane may have had first; undefined when that is not remembered,
   * or never was.
   */
  since(version: number): TouchedSince | undefined {
    if (version < this.#base || version > this.#followed) return undefined;
    const missed = this.#touches.slice(
      this.#touches.findLastIndex((touch) => touch.version <= version) + 1,
    );
    const endpoints = new Map<string, readonly Scope[]>();
    for (const { instanceId, was } of missed.flatMap((touch) => touch.endpoints)) {
      const before = endpoints.get(instanceId);
      endpoints.set(instanceId, before === undefined ? was : [...new Set([...before, ...was])]);
    }
    return { endpoints, topics: new Set(missed.flatMap(({ topics }) => topics)) };
  }
}
