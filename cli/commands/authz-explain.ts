import { decide, type PolicyDecision } from '../../common/authorization/decide.ts';
import { describeDecision } from '../../common/authorization/describe-decision.ts';
import type { CommandSpec } from '../../common/config/command-spec.ts';
import { setting } from '../../common/config/settings.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import {
  caller,
  door,
  formatIdentity,
  identityOf,
  localPolicyNote,
  NAMESPACE,
} from './authz-settings.ts';

const settings = {
  from: setting(caller, { description: 'who calls', placeholder: 'SERVICE[.NAMESPACE]' }),
  to: setting(door, { description: 'who is called', placeholder: 'SERVICE[.NAMESPACE]:PORT' }),
  namespace: NAMESPACE,
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk authz explain',
  summary:
    'Says whether a service may reach a port of another one, by the policy of the mesh that is in force, which rule decides, and why.',
  settings,
  examples: [
    {
      purpose: 'two services of one namespace',
      line: 'hauberk authz explain --namespace shop --from web --to api:8080',
    },
    {
      purpose: 'of two namespaces',
      line: 'hauberk authz explain --from web.shop --to pay.billing:443',
    },
  ],
  notes: ['A sidecar that was started with --allow may refuse more than this: its log says so.'],
};

/** `hauberk authz explain` */
export function authzExplain(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { from, to, namespace, json }) => {
    const { trustDomain } = client;
    const { version, document } = await client.getMeshConfig();
    const policy = readMeshConfig(document, 'mesh.yaml').authorization;
    const source = identityOf(from, { trustDomain, namespace });
    const destination = identityOf(to, { trustDomain, namespace });
    const decision = decide(policy, { source, destination, port: to.port });
    const callerName = formatIdentity(source, trustDomain);
    const doorName = `${formatIdentity(destination, trustDomain)}:${to.port}`;
    if (json) {
      return formatJson({
        from: callerName,
        to: doorName,
        ...decisionDocument(decision),
        why: describeDecision(decision),
        version,
      });
    }
    const verdict = decision.allowed ? 'allowed' : `refused (${decision.reason})`;
    return (
      `${verdict}: ${callerName} to ${doorName}\n` +
      `because ${describeDecision(decision)}\n` +
      `by version ${version} of the mesh configuration\n` +
      (decision.allowed ? localPolicyNote(formatIdentity(destination, trustDomain)) : '')
    );
  });
}

function decisionDocument(decision: PolicyDecision): object {
  const { allowed, grounds } = decision;
  return {
    allowed,
    reason: decision.allowed ? null : decision.reason,
    rules: grounds.kind === 'rules' ? grounds.rules : [],
    audited: decision.allowed ? decision.audited : [],
  };
}
