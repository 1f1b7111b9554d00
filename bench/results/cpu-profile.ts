/** What is read of a file that `node --cpu-prof` writes (the Profile type of the DevTools protocol). */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Microseconds of the monotonic clock, which is the same for all processes of the machine. */
  readonly startTime: number;
  /** The node that was running at each sample. */
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** Counted from 0. */
    readonly lineNumber: number;
  };
}

/** A function and the time that was spent in itself, not in what it called. */
export interface HotFunction {
  readonly name: string;
  readonly place: string;
  readonly selfMs: number;
  /** Of the time in which anything ran. */
  readonly share: number;
}

const IDLE = '(idle)';

/** From when to when, in microseconds of the monotonic clock. */
export interface ProfileWindow {
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * The functions with the most time in themselves, the hottest first, in a part of the profile. Waiting
 * is no time.
 */
export function hottestFunctions(
  profile: CpuProfile,
  { fromUs, toUs }: ProfileWindow,
  many: number,
): HotFunction[] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byPlace = new Map<string, { name: string; place: string; selfUs: number }>();
  let busyUs = 0;
  let nowUs = profile.startTime;
  profile.samples.forEach((id, at) => {
    const frame = frames.get(id);
    const deltaUs = profile.timeDeltas[at] ?? 0;
    nowUs += deltaUs;
    if (nowUs < fromUs || nowUs > toUs) return;
    if (frame === undefined || frame.functionName === IDLE) return;
    busyUs += deltaUs;
    const place = formatPlace(frame);
    const key = `${frame.functionName} ${place}`;
    const known = byPlace.get(key) ?? {
      name: frame.functionName || '(anonymous)',
      place,
      selfUs: 0,
    };
    known.selfUs += deltaUs;
    byPlace.set(key, known);
  });
  return [...byPlace.values()]
    .sort((a, b) => b.selfUs - a.selfUs)
    .slice(0, many)
    .map(({ name, place, selfUs }) => ({
      name,
      place,
      selfMs: selfUs / 1000,
      share: selfUs / busyUs,
    }));
}

/** The part of the path below the repository, and the line as editors count. */
function formatPlace({ url, lineNumber }: ProfileNode['callFrame']): string {
  if (url === '') return '';
  const path = url.replace(/^file:\/\//, '').replace(/^.*\/(?=[^/]+\/[^/]+\/[^/]+$)/, '');
  return `${path}:${lineNumber + 1}`;
}
