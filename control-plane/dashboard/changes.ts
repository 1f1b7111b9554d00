import { z } from 'zod';
import type { OperatorActions } from './operator-actions.ts';
import { parse } from './queries/queries.ts';

/** Does what a person has confirmed. Throws DashboardError, and what the action throws. */
type Change = (actions: OperatorActions, raw: unknown) => Promise<object>;

function change<Given>(
  schema: z.ZodType<Given>,
  perform: (actions: OperatorActions, given: Given) => Promise<object>,
): Change {
  return (actions, raw) => perform(actions, parse(schema, raw));
}

const MAX_NAME_CHARACTERS = 400;
const name = z.string().min(1).max(MAX_NAME_CHARACTERS);

/** What a browser may change, when its operator said so. Each is what a command does, which stands beside it. */
export const CHANGES: Readonly<Record<string, Change>> = {
  // hauberk apply
  apply: change(
    z.object({ document: z.string(), baseVersion: z.number().int().min(0) }),
    async ({ applyMeshConfig }, { document, baseVersion }) => {
      const request = { document, baseVersion, dryRun: false };
      const { config, changed } = await applyMeshConfig.action(request);
      return { version: config?.version, changed };
    },
  ),
  // hauberk rollback --to
  rollback: change(
    z.object({ version: z.number().int().min(0) }),
    async ({ rollbackMeshConfig }, { version }) => {
      const { config, changed } = await rollbackMeshConfig.action({ version });
      return { version: config?.version, changed };
    },
  ),
  // hauberk revoke
  'revoke-identity': change(z.object({ spiffeId: name }), async ({ revoke }, { spiffeId }) => {
    const target = { $case: 'spiffeId', value: spiffeId } as const;
    return await revoke.action({ target, force: false });
  }),
  'revoke-certificate': change(z.object({ serial: name }), async ({ revoke }, { serial }) => {
    const target = { $case: 'serial', value: serial } as const;
    return await revoke.action({ target, force: false });
  }),
  // hauberk readmit
  readmit: change(
    z.object({ spiffeId: name }),
    async ({ readmit }, { spiffeId }) => await readmit.action({ spiffeId }),
  ),
  // hauberk token revoke
  'revoke-token': change(
    z.object({ id: name, withCertificates: z.boolean() }),
    async ({ revokeToken }, given) => {
      const { certificates } = await revokeToken.action(given);
      return { certificates };
    },
  ),
};
