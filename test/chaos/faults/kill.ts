import { targetOf, type Fault } from './fault.ts';

/** SIGKILL, as the kernel does when memory runs out; the process stays away until it is healed. */
export const kill: Fault = async ({ mesh }, planned) => {
  const victim = mesh.process(targetOf(planned));
  await victim.kill();
  return async () => victim.start();
};
