import type { Fault } from './fault.ts';

/** Two of the three members of etcd are killed: the store can be neither read nor written. */
export const quorumLoss: Fault = async ({ mesh }, { targets }) => {
  const members = targets.map((name) => mesh.process(name));
  await Promise.all(members.map((member) => member.kill()));
  return async () => {
    for (const member of members) member.start();
  };
};
