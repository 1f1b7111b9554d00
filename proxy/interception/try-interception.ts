import { runNft, SYSTEM_FOLDERS } from './apply-ruleset.ts';
import { InterceptionError } from './interception-error.ts';
import { openOriginalDestinations } from './original-destination.ts';
import { renderRuleset } from './ruleset.ts';
import { SIDECAR_UID } from './sidecar-ports.ts';

/** What a host has for transparent interception. */
export interface InterceptionTrial {
  /** Whether this process may lay the rules; absent where that was not found out. */
  readonly mayLayRules?: boolean;
  /** Why the rules would not be in force here; absent when the kernel takes them. */
  readonly rules?: InterceptionError;
  /** Why a sidecar would not learn where a connection wanted to go; absent when it would. */
  readonly destinations?: InterceptionError;
}

const CHECK = ['nft', '--check', '-f', '-'] as const;

/** A network of its own, in which every user may do what root may; gone with the process (user_namespaces(7)). */
const IN_A_NAMESPACE = ['unshare', '--user', '--map-root-user', '--net', ...CHECK] as const;

/** Of each kind of rule that there is one: what is asked of the kernel is not less than what will be. */
const RULES = renderRuleset({
  uid: SIDECAR_UID,
  excludePorts: [22],
  excludeCidrs: ['10.0.0.0/8', 'fd00::/8'],
  resolvers: ['192.0.2.53', '2001:db8::53'],
  metadata: true,
  preservesClients: false,
});

/**
 * Finds out whether transparent interception works on this host. The kernel is shown the real rules and puts none of
 * them in force (nft(8), `--check`): here, or where this process may not, in a network namespace that ends with it.
 *
 * @param folders where to look for programs
 */
export async function tryInterception(
  folders: readonly string[] = SYSTEM_FOLDERS,
): Promise<InterceptionTrial> {
  const destinations = await refusalOf(openOriginalDestinations());
  const found = destinations === undefined ? {} : { destinations };
  const here = await refusalOf(runNft({ command: CHECK, rules: RULES, folders }));
  if (here === undefined) return { mayLayRules: true, ...found };
  if (here.code !== 'nft-refused') return { rules: here, ...found };
  const apart = await refusalOf(runNft({ command: IN_A_NAMESPACE, rules: RULES, folders }));
  if (apart === undefined) return { mayLayRules: false, ...found };
  const rules = apart.code === 'nft-unsupported' ? apart : untried(apart);
  return { mayLayRules: false, rules, ...found };
}

function untried(cause: InterceptionError): InterceptionError {
  const sentence = 'whether the kernel takes the rules was not found out: this user may not try';
  const hint = 'run hauberk check --host as root';
  return new InterceptionError('nft-refused', sentence, { hint, cause });
}

async function refusalOf(attempt: Promise<unknown>): Promise<InterceptionError | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (error instanceof InterceptionError) return error;
    throw error;
  }
}
