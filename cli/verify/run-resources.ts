import { mayReject } from '../../common/ignored.ts';
import type { Closeable } from '../../common/lifecycle.ts';

/** The processes and captures that a run has started, so that it can end all of them, also when it is interrupted. */
export class RunResources {
  readonly #all: Closeable[] = [];
  #closed = false;

  /** Takes care of it from now on; of what comes too late it lets go at once. */
  adopt<Thing extends Closeable>(thing: Thing): Thing {
    if (this.#closed) mayReject(Promise.try(() => thing.close()));
    else this.#all.push(thing);
    return thing;
  }

  /** Releases everything, the latest first. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const thing of this.#all.splice(0).toReversed()) await thing.close();
  }
}
