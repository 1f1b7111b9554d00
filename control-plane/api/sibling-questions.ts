import type { UnaryMethod } from '../../common/rpc/channel.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import { AdminService } from '../../proto/gen/hauberk/v1/admin.ts';
import type { OtherControlPlane, SiblingQuestions } from '../questions/mesh-questions.ts';
import {
  NOT_ANNOUNCED,
  openSiblingChannel,
  type SiblingChannelOptions,
} from './sibling-channel.ts';

/** Shorter than an operator waits, and longer than the other one waits for its sidecars. */
const TIMEOUT_MS = 9_500;

/** Asks other control planes what their sidecars answer. */
export function createSiblingQuestions(options: SiblingChannelOptions): SiblingQuestions {
  const call = async <Request, Response>(
    { addresses }: OtherControlPlane,
    method: UnaryMethod<Request, Response>,
    request: Request,
  ): Promise<Response> => {
    const channel = openSiblingChannel(addresses, options);
    if (channel === undefined) throw new RpcError('unreachable', NOT_ANNOUNCED);
    try {
      return await channel.call(method, request, { timeoutMs: TIMEOUT_MS });
    } finally {
      channel.close();
    }
  };
  return {
    async state(sibling, instanceId) {
      const request = { instanceId, local: true };
      const { state } = await call(sibling, AdminService.getSidecarState, request);
      if (state === undefined) throw new RpcError('protocol', 'expected a state, got none');
      return state;
    },
    checkPeers: (sibling) => call(sibling, AdminService.checkPeers, { local: true }),
  };
}
