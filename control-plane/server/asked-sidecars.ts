import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { SiblingChannelOptions } from '../api/sibling-channel.ts';
import { createSiblingQuestions } from '../api/sibling-questions.ts';
import { createSiblingTraffic } from '../api/sibling-traffic.ts';
import { LocalQuestions } from '../questions/local-questions.ts';
import { createMeshQuestions, type MeshQuestions } from '../questions/mesh-questions.ts';
import type { MeshView } from '../registry/mesh-view.ts';
import type { Registry } from '../registry/registry.ts';
import { createLocalTraffic, type LocalTraffic } from '../traffic/local-traffic.ts';
import { createMeshTraffic } from '../traffic/mesh-traffic.ts';
import type { Sibling } from '../traffic/siblings.ts';
import type { TrafficSource } from '../traffic/traffic.ts';

/** Asks the sidecars that are connected here. */
export interface AskedHere extends Closeable {
  readonly traffic: LocalTraffic;
  readonly questions: LocalQuestions;
  close(): void;
}

/** Creates it; no sidecar is connected yet. */
export function askHere(clock: Clock): AskedHere {
  const traffic = createLocalTraffic(clock);
  const questions = new LocalQuestions({ clock });
  return {
    traffic,
    questions,
    close() {
      traffic.close();
      questions.close();
    },
  };
}

/** What asking those of other control planes as well takes. */
export interface AskEverywhereOptions {
  readonly here: AskedHere;
  readonly registry: Pick<Registry, 'list'>;
  readonly view: MeshView;
  /** The other control planes that are there now. */
  readonly siblings: () => readonly Sibling[];
  readonly trustDomain: string;
  readonly identity: SiblingChannelOptions['identity'];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Asks sidecars for operators, through the control planes that they are connected to. */
export function askEverywhere(options: AskEverywhereOptions): {
  readonly traffic: TrafficSource;
  readonly questions: MeshQuestions;
} {
  const { here, view, trustDomain, identity } = options;
  const calling = { trustDomain, identity, bundle: view.bundle };
  return {
    traffic: createMeshTraffic({
      ...options,
      local: here.traffic,
      ask: createSiblingTraffic(calling),
    }),
    questions: createMeshQuestions({
      ...options,
      local: here.questions,
      ask: createSiblingQuestions(calling),
    }),
  };
}
