import type { Container } from './container.ts';

/** What has to be done to a container so that it is in the namespace of its pod. */
export interface Repair {
  /** Restart one that runs in a namespace that has ended; start one that the engine could not. */
  readonly kind: 'restart' | 'start';
  readonly container: Container;
  readonly pod: Container;
}

/**
 * Finds the containers that are not in the namespace of their pod, though it is up. The sidecar comes
 * first, and the others when it is ready: an application whose calls fail may give up.
 *
 * What an operator has stopped stays stopped, and so does what has ended by itself: only that which the
 * engine tried to start, and could not, is started. Pure, from what the engine says.
 */
export function decideRepairs(containers: readonly Container[]): readonly Repair[] {
  return containers
    .filter(({ part, healthy }) => part === 'pod' && healthy)
    .flatMap((pod) => repairsOf(pod, containers));
}

function repairsOf(pod: Container, containers: readonly Container[]): readonly Repair[] {
  const members = containers.filter(({ joins }) => joins === pod.id);
  const repairs = members.flatMap((container): readonly Repair[] => {
    if (isCutOff(container, pod)) return [{ kind: 'restart', container, pod }];
    return wasNotStarted(container) ? [{ kind: 'start', container, pod }] : [];
  });
  const first = repairs.filter(({ container }) => container.part === 'sidecar');
  if (first.length > 0) return first;
  return members.some(({ part, healthy }) => part === 'sidecar' && healthy) ? repairs : [];
}

/** A namespace begins when its owner starts; a container that joined before is in the one that ended then. */
function isCutOff({ running, startedMs }: Container, pod: Container): boolean {
  return running && startedMs < pod.startedMs;
}

function wasNotStarted({ running, failure, restartPolicy }: Container): boolean {
  return !running && failure !== '' && restartPolicy !== 'no' && restartPolicy !== '';
}
