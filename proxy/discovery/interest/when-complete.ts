import type { MonotonicClock } from '../../../common/clock.ts';
import type { Scope } from '../../../common/wire/interest.ts';
import type { MeshView } from '../mesh-view.ts';

/**
 * Resolves when the view is complete about what is needed, or the time is over.
 *
 * @param needed asked again after each change of the view
 * @returns undefined when it is complete now; otherwise what resolves with whether it was in time
 */
export function whenComplete(
  needed: () => Iterable<Scope>,
  view: Pick<MeshView, 'isComplete' | 'onChange'>,
  clock: MonotonicClock,
  deadlineMs: number,
): Promise<boolean> | undefined {
  const isComplete = (): boolean =>
    Iterator.from(needed()).every((scope) => view.isComplete(scope));
  if (isComplete()) return undefined;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = clock.after(deadlineMs, () => end(false));
  const stop = view.onChange(() => {
    if (isComplete()) end(true);
  });
  const end = (inTime: boolean): void => {
    timer.cancel();
    stop();
    resolve(inTime);
  };
  return promise;
}
