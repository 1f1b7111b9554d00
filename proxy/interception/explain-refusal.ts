import { InterceptionError } from './interception-error.ts';

/** What a part of our rules needs of the kernel, the first that fits. */
const MODULES: readonly (readonly [pattern: RegExp, module: string])[] = [
  [/\bredirect\b/, 'nft_redir'],
  [/\bfib\b/, 'nft_fib_inet'],
  [/\bnotrack\b/, 'nft_ct'],
  [/\btype nat\b/, 'nft_chain_nat'],
];

/** All of them; in a container the host has to load them. */
const ALL_MODULES =
  'load the modules nf_tables, nft_chain_nat, nft_redir and nft_fib_inet on the host';

/** Says in one sentence what nft means, by what it has written. */
export function explainRefusal(complaint: string): InterceptionError {
  if (/operation not permitted|permission denied|must be root/i.test(complaint)) {
    const sentence = 'the system does not let this process change the rules of its network';
    return new InterceptionError('nft-refused', sentence, {
      hint: 'run it as root, and in a container add the capability NET_ADMIN (cap_add: [NET_ADMIN])',
    });
  }
  if (/not supported|no such file or directory/i.test(complaint)) {
    const rule = ruleOf(complaint);
    const sentence = `the kernel lacks what the rules need: ${rule ?? firstLine(complaint)}`;
    return new InterceptionError('nft-unsupported', sentence, { hint: remedyFor(rule) });
  }
  return new InterceptionError('nft-failed', `nft refused the rules: ${firstLine(complaint)}`);
}

function remedyFor(rule: string | undefined): string {
  const module = MODULES.find(([pattern]) => rule !== undefined && pattern.test(rule))?.[1];
  if (module === undefined) return ALL_MODULES;
  const option = `CONFIG_${module.toUpperCase()}`;
  return `load it on the host: modprobe ${module}; a kernel that has no such module was built without ${option}`;
}

/**
 * Below where something is wrong, nft repeats it and marks it:
 *
 *     /dev/stdin:31:3-5: Error: Could not process rule: No such file or directory
 *         fib daddr type local return
 *         ^^^
 */
function ruleOf(complaint: string): string | undefined {
  const [, rule] = /^\S+:\d+:\d+-\d+: Error: .*\n(.*)\n\s*\^/m.exec(complaint) ?? [];
  return rule?.trim().slice(0, MAX_LETTERS);
}

/** Of what nft says, in a sentence of ours. */
const MAX_LETTERS = 200;

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, MAX_LETTERS) || 'it gives no reason';
}
