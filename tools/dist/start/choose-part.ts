import { LOAD_FLAG } from '../../../common/process/load-flag.ts';

/** What an installation consists of: each part is one file of JavaScript, and has all that it needs. */
export const PARTS = ['everything', 'sidecar'] as const;

export type Part = (typeof PARTS)[number];

/** The part for the arguments of a process: what a sidecar never runs is not in its memory then. */
export function choosePart([, , first, second]: readonly string[]): Part {
  if (first === `${LOAD_FLAG}proxy/workers/main.ts`) return 'sidecar';
  const isSidecar = first === 'gateway' || (first === 'proxy' && second !== 'init-netns');
  return isSidecar ? 'sidecar' : 'everything';
}
