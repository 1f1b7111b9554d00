import { CLOCK_STEPS_MS } from '../plan/schedule.ts';
import { targetOf, type Fault } from './fault.ts';

/** The wall clock of a program is set, and set right again. */
export const clock: Fault = async ({ mesh }, planned) => {
  const name = targetOf(planned);
  const stepMs = CLOCK_STEPS_MS[planned.variant] ?? 0;
  const step = (ms: number): Promise<void> =>
    mesh.clock(name).step(
      {
        // One that has ended meanwhile is started again, and goes by the clock from then on.
        get pid() {
          return mesh.process(name).pid ?? 0;
        },
      },
      ms,
    );
  await step(stepMs);
  return () => step(-stepMs);
};
