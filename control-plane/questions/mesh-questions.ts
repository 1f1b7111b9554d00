import type { Logger } from 'pino';
import { describeError } from '../../common/errors.ts';
import { readSaid } from '../../common/wire/sidecar-state.ts';
import type {
  CheckPeersRequest,
  CheckPeersResponse,
  GetSidecarStateRequest,
  UnreachedControlPlane,
} from '../../proto/gen/hauberk/v1/admin.ts';
import type { SidecarState } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { MeshView } from '../registry/mesh-view.ts';
import type { Registry } from '../registry/registry.ts';
import { checkPeers } from './check-peers.ts';
import type { LocalQuestions } from './local-questions.ts';
import { QuestionError } from './question-error.ts';

/** Another control plane on the same store. */
export interface OtherControlPlane {
  readonly id: string;
  /** Where it is reached, as HOST:PORT; the preferred one first. */
  readonly addresses: readonly string[];
}

/** Asks another control plane what its sidecars answer. Rejects with an RpcError. */
export interface SiblingQuestions {
  state(sibling: OtherControlPlane, instanceId: string): Promise<SidecarState>;
  checkPeers(sibling: OtherControlPlane): Promise<CheckPeersResponse>;
}

/** What asking sidecars anywhere in the mesh takes. */
export interface MeshQuestionsOptions {
  readonly local: LocalQuestions;
  readonly registry: Pick<Registry, 'list'>;
  readonly view: Pick<MeshView, 'endpoints'>;
  /** The other control planes that are there now. */
  readonly siblings: () => readonly OtherControlPlane[];
  readonly ask: SiblingQuestions;
  readonly logger: Logger;
}

/**
 * Asks sidecars, wherever they are connected:
 *
 *     operator ──> control plane ──Question──> sidecar
 *                     │  ^─────────Answer────────┘
 *                     └──> the control plane that it is connected to, likewise
 */
export interface MeshQuestions {
  /** What a sidecar believes. @throws QuestionError */
  state(request: GetSidecarStateRequest): Promise<SidecarState>;
  /** Which sidecars are not reached by those that know them. */
  checkPeers(request: CheckPeersRequest): Promise<CheckPeersResponse>;
}

/** Creates it. */
export function createMeshQuestions(options: MeshQuestionsOptions): MeshQuestions {
  const { local, registry, view, siblings, ask, logger } = options;
  return {
    async state({ instanceId, local: isLocal }) {
      const known = registry.list().find(({ record }) => record.instanceId === instanceId);
      if (known === undefined) throw unknown(instanceId);
      const sibling = siblings().find(({ id }) => id === known.controlPlane);
      if (sibling !== undefined && !isLocal) return await askElsewhere(sibling, instanceId, ask);
      return await local.ask(instanceId, 'state');
    },
    async checkPeers({ local: isLocal }) {
      const others = isLocal ? [] : siblings();
      const [here, ...elsewhere] = await Promise.all([
        checkPeers({ local, view }),
        ...others.map((sibling) => askSibling(sibling, ask)),
      ]);
      const all = [here, ...elsewhere];
      const sum = (count: (one: CheckPeersResponse) => number): number =>
        all.reduce((total, one) => total + count(one), 0);
      const answer = {
        unreachedPeers: all.flatMap(({ unreachedPeers }) => unreachedPeers),
        tried: sum(({ tried }) => tried),
        asked: sum(({ asked }) => asked),
        silent: sum(({ silent }) => silent),
        unable: sum(({ unable }) => unable),
        unreached: all.flatMap(({ unreached }) => unreached),
      };
      const { asked: askedCount, tried: triedCount, unreachedPeers } = answer;
      const counts = { askedCount, triedCount, unreachedCount: unreachedPeers.length };
      const sentence = `an operator had ${askedCount} sidecars look for the peers that they know`;
      logger.info({ event: 'peers-checked', ...counts }, sentence);
      return answer;
    },
  };
}

async function askElsewhere(
  sibling: OtherControlPlane,
  instanceId: string,
  ask: SiblingQuestions,
): Promise<SidecarState> {
  try {
    return readSaid(await ask.state(sibling, instanceId));
  } catch (error) {
    const sentence = `the control plane ${sibling.id}, to which the sidecar ${instanceId} is connected, has no answer: ${describeError(error)}`;
    throw new QuestionError('sidecar-away', sentence, { cause: error });
  }
}

async function askSibling(
  sibling: OtherControlPlane,
  ask: SiblingQuestions,
): Promise<CheckPeersResponse> {
  try {
    return await ask.checkPeers(sibling);
  } catch (error) {
    const missing: UnreachedControlPlane = { id: sibling.id, why: describeError(error) };
    return { unreachedPeers: [], tried: 0, asked: 0, silent: 0, unable: 0, unreached: [missing] };
  }
}

function unknown(instanceId: string): QuestionError {
  const shown = JSON.stringify(instanceId.slice(0, 64));
  return new QuestionError('sidecar-unknown', `no sidecar has the instance id ${shown}`, {
    hint: 'hauberk status --json lists them as `instance`',
  });
}
