import { readdirSync, readFileSync } from 'node:fs';

/** Where the system does not tell: what macOS and older Linux give. */
const SAFE_DEFAULT = 256;

/**
 * How many descriptors this process may have open. Node.js has raised the soft limit to the hard one
 * before the first line of ours runs.
 */
export function readDescriptorLimit(): number {
  if (process.platform !== 'linux') return limitOfReport() ?? SAFE_DEFAULT;
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
    if (soft !== undefined) return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
  } catch {
    // A container may hide /proc.
  }
  return limitOfReport() ?? SAFE_DEFAULT;
}

/** How many descriptors are open now; undefined where the system does not tell. */
export function countOpenDescriptors(): number | undefined {
  try {
    // One of them is the listing itself.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

interface UserLimits {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | 'unlimited' } };
}

function limitOfReport(): number | undefined {
  // With the network it would look up names of addresses.
  const { userLimits } = Object.assign(process.report, {
    excludeNetwork: true,
  }).getReport() as UserLimits;
  const soft = userLimits?.open_files?.soft;
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : soft;
}
