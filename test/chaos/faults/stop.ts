import { targetOf, type Fault } from './fault.ts';

/** SIGSTOP: connections stay open and nobody answers, as on a host that is suspended or starved. */
export const stop: Fault = async ({ mesh }, planned) => {
  const victim = mesh.process(targetOf(planned));
  victim.signal('SIGSTOP');
  return async () => victim.signal('SIGCONT');
};
