import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { boundedCount } from '../../common/wire/traffic/edge-sums.ts';
import type {
  TapRequest,
  TapResponse,
  WatchTrafficRequest,
  WatchTrafficResponse,
} from '../../proto/gen/hauberk/v1/admin.ts';
import type { LocalTraffic } from './local-traffic.ts';
import { mergeTold, ToldEdges } from './merge-edges.ts';
import { AskedSiblings, type Sibling, type SiblingCall } from './siblings.ts';
import type { Look, Observer, TrafficSource } from './traffic.ts';

/** How siblings are asked. */
export interface SiblingTraffic {
  watch(
    sibling: Sibling,
    request: WatchTrafficRequest,
    call: SiblingCall<WatchTrafficResponse>,
  ): Look;
  tap(sibling: Sibling, request: TapRequest, call: SiblingCall<TapResponse>): Look;
}

/** What watching the whole mesh takes. */
export interface MeshTrafficOptions {
  readonly local: LocalTraffic;
  /** The other control planes that are there now. */
  readonly siblings: () => readonly Sibling[];
  readonly ask: SiblingTraffic;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/**
 * What passes in the whole mesh: each control plane knows it of the sidecars that are connected to it, and is asked
 * by the one that is watched at, for as long as that is. One that cannot be reached is named.
 */
export function createMeshTraffic(options: MeshTrafficOptions): TrafficSource {
  const { local, siblings: list, ask, clock, logger } = options;
  return {
    watch(request, observer) {
      if (request.local) return local.watch(request, observer);
      const told = new Map<string, ToldEdges>();
      const own = local.watch(request, {
        isReady: observer.isReady,
        next(response) {
          if (response.history) return observer.next(response);
          const taken = [...told.values()].flatMap((one) => one.take() ?? []);
          observer.next({ ...mergeTold(response, taken), unreached: others.unreached() });
        },
      });
      // Nothing is told here before its first interval is over.
      const others = new AskedSiblings<WatchTrafficResponse>({
        clock,
        list,
        ask: (sibling, call) => ask.watch(sibling, { ...request, local: true }, call),
        next({ id }, response) {
          if (response.history) return observer.next(response);
          let edges = told.get(id);
          if (edges === undefined) told.set(id, (edges = new ToldEdges()));
          edges.add(response);
        },
        lost: ({ id }) => void told.delete(id),
      });
      return closing(own, others);
    },
    tap(request, observer, origin) {
      const { filter } = request;
      const line = { operator: origin, filter };
      const started = (): void =>
        logger.info({ event: 'tap-started', ...line }, `a tap was started by ${origin}`);
      const ended = (): void =>
        logger.info({ event: 'tap-ended', ...line }, `the tap by ${origin} has ended`);
      if (request.local) {
        const own = local.tap(request, observer, origin);
        started();
        return closing(own, { close: ended });
      }
      const asked = new Map<string, Pick<TapResponse, 'sidecars' | 'unable'>>();
      let missed = 0;
      const tell = (id: string, response: TapResponse): void => {
        const { sidecars: many, unable: old } = response;
        asked.set(id, { sidecars: many, unable: old });
        if (observer.isReady?.() === false) {
          missed += response.dropped + response.events.length;
          return;
        }
        const all = [...asked.values()];
        const dropped = boundedCount(response.dropped + missed);
        missed = 0;
        observer.next({
          ...response,
          dropped,
          sidecars: all.reduce((total, { sidecars }) => total + sidecars, 0),
          unable: all.reduce((total, { unable }) => total + unable, 0),
          unreached: others.unreached(),
        });
      };
      const here: Observer<TapResponse> = {
        isReady: observer.isReady,
        next: (response) => tell(HERE, response),
      };
      const own = local.tap(request, here, origin);
      started();
      // Nothing is told here before its first interval is over.
      const others = new AskedSiblings<TapResponse>({
        clock,
        list,
        ask: (sibling, call) => ask.tap(sibling, { ...request, local: true }, call),
        next: ({ id }, response) => tell(id, response),
        lost: ({ id }) => void asked.delete(id),
      });
      return closing(own, others, { close: ended });
    },
  };
}

/** No id of a control plane. */
const HERE = '';

function closing(...parts: readonly Look[]): Look {
  let isClosed = false;
  return {
    close() {
      if (isClosed) return;
      isClosed = true;
      for (const part of parts) part.close();
    },
  };
}
