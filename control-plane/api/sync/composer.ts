import type { RevocationList } from '../../../common/pki/revocation.ts';
import { addressOf, type Scope } from '../../../common/wire/interest.ts';
import type { TouchedSince } from '../../registry/change-history.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import {
  encodeDeltaTopics,
  encodeEndpoint,
  encodeMessage,
  encodeSnapshotTopics,
} from './messages.ts';

/** What a sidecar is told of. */
export interface Interested {
  /** Undefined: everything. */
  readonly scopes: ReadonlySet<Scope> | undefined;
  /** Those of them about which it is to be told everything. */
  readonly unanswered: ReadonlySet<Scope> | undefined;
}

/** Bounds what the messages of one version that are kept to be sent again hold. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** No view has it: of the snapshot of everything, among messages by the version that they start from. */
const NO_VERSION = -1;

/** Puts messages together, each once for all that are to be told the same. */
export class MessageComposer {
  readonly #view: MeshView;
  /** By instance id, of present endpoints. */
  readonly #encoded = new Map<string, Uint8Array>();
  #snapshotTopics: Uint8Array | undefined;
  /** Those in it: some expire without a change of the view. */
  #revocations: RevocationList | undefined;
  #version: number;
  /** What was touched, by the version from which it is counted. */
  readonly #touched = new Map<number, TouchedSince | undefined>();
  readonly #deltaTopics = new Map<string, Uint8Array>();
  readonly #messages = new Map<string, Buffer>();
  #keptBytes = 0;

  constructor(view: MeshView) {
    this.#view = view;
    this.#version = view.version;
  }

  /** Must be told of each change before it is asked for a message. */
  changed(endpoints: readonly { readonly instanceId: string }[], topics: readonly string[]): void {
    for (const { instanceId } of endpoints) this.#encoded.delete(instanceId);
    if (topics.length > 0) this.#snapshotTopics = undefined;
  }

  /** What changed after a version; undefined when it is too long ago, or there was none. */
  touchedSince(version: number): TouchedSince | undefined {
    this.#refresh();
    if (version === 0) return undefined;
    if (this.#touched.has(version)) return this.#touched.get(version);
    const touched = this.#view.since(version);
    this.#touched.set(version, touched);
    return touched;
  }

  /**
   * What leads a sidecar from a version to the present one: what changed, or a snapshot when that is not remembered.
   *
   * @param concerned instance ids of all that was touched and may concern it; undefined: whatever was touched
   */
  message(from: number, sidecar: Interested, concerned?: Iterable<string>): Buffer {
    const touched = this.touchedSince(from);
    if (touched === undefined) return this.#snapshot(sidecar);
    const { scopes, unanswered } = sidecar;
    const { index } = this.#view;
    const fits = (scope: Scope): boolean => scopes?.has(scope) ?? true;
    const upserted = new Set<string>();
    const removed: string[] = [];
    for (const instanceId of concerned ?? touched.endpoints.keys()) {
      if (index.scopesOf(instanceId).some(fits)) upserted.add(instanceId);
      // Who hears of everything may also hear of what came and went meanwhile.
      else if (scopes === undefined || touched.endpoints.get(instanceId)?.some(fits) === true)
        removed.push(instanceId);
    }
    for (const scope of unanswered ?? []) for (const id of index.in(scope)) upserted.add(id);
    // A sidecar that comes back may have forgotten where others were.
    const asked = unanswered?.size === 0 ? scopes : unanswered;
    const make = (): Buffer =>
      encodeMessage({
        kind: 'delta',
        // Another control plane may have told of a later one, since when nothing has changed.
        version: Math.max(from, this.#view.version),
        endpoints: this.#encode(upserted),
        removed,
        complete: unanswered && [...unanswered],
        departed: this.#departedAmong(asked ?? []),
        topics: this.#topicsOf(touched),
      });
    // Answers are for one sidecar; without them many are told the same.
    if (unanswered !== undefined) return make();
    return this.#keep(`${from} ${[...upserted].join()} ${removed.join()}`, make);
  }

  #snapshot({ scopes }: Interested): Buffer {
    const { index, endpoints } = this.#view;
    const revocations = this.#view.revocations();
    if (revocations !== this.#revocations) {
      this.#revocations = revocations;
      this.#snapshotTopics = undefined;
      this.#messages.delete(`${NO_VERSION}`);
    }
    const topics = (this.#snapshotTopics ??= encodeSnapshotTopics(this.#view.topics()));
    const { version } = this.#view;
    const departed = this.#departedAmong(scopes ?? []);
    const snapshot = { kind: 'snapshot', version, removed: [], departed, topics } as const;
    if (scopes === undefined) {
      return this.#keep(`${NO_VERSION}`, () =>
        encodeMessage({
          ...snapshot,
          endpoints: this.#encode(endpoints.keys()),
          complete: undefined,
        }),
      );
    }
    const fitting = new Set<string>();
    for (const scope of scopes) for (const id of index.in(scope)) fitting.add(id);
    return encodeMessage({ ...snapshot, endpoints: this.#encode(fitting), complete: [...scopes] });
  }

  #departedAmong(scopes: Iterable<Scope>): string[] {
    return [...scopes].flatMap((scope) => {
      const address = addressOf(scope);
      return address !== undefined && this.#view.wasAt(address) ? [address] : [];
    });
  }

  #encode(instanceIds: Iterable<string>): Uint8Array[] {
    const encoded: Uint8Array[] = [];
    for (const instanceId of instanceIds) {
      const endpoint = this.#view.endpoints.get(instanceId);
      if (endpoint === undefined) continue;
      let bytes = this.#encoded.get(instanceId);
      if (bytes === undefined) {
        bytes = encodeEndpoint(endpoint);
        this.#encoded.set(instanceId, bytes);
      }
      encoded.push(bytes);
    }
    return encoded;
  }

  #topicsOf({ topics }: TouchedSince): Uint8Array {
    const key = [...topics].sort().join();
    const known = this.#deltaTopics.get(key);
    if (known !== undefined) return known;
    const encoded =
      topics.size === 0 ? new Uint8Array() : encodeDeltaTopics(this.#view.topics(), topics);
    this.#deltaTopics.set(key, encoded);
    return encoded;
  }

  #keep(key: string, make: () => Buffer): Buffer {
    const known = this.#messages.get(key);
    if (known !== undefined) return known;
    const message = make();
    if (this.#keptBytes + message.length <= MAX_KEPT_BYTES) {
      this.#messages.set(key, message);
      this.#keptBytes += message.length;
    }
    return message;
  }

  #refresh(): void {
    if (this.#version === this.#view.version) return;
    this.#version = this.#view.version;
    this.#touched.clear();
    this.#deltaTopics.clear();
    this.#messages.clear();
    this.#keptBytes = 0;
  }
}
