import type { ServicePlan } from './orders.ts';

/** What every sidecar serves, until it moves. */
export const FIRST_PORT = 8080;

/** Where the sidecars say that they are, 127.64.0.0/10: who dials them is refused, whatever networks the machine is in. */
const FIRST = [127, 64] as const;

/** An address of its own for each sidecar, and the name that its neighbours know it by. */
export function placeOf({ name, first }: Pick<ServicePlan, 'name' | 'first'>, at: number) {
  const number = first + at;
  const second = FIRST[1] + ((number >> 16) & 0x3f);
  const octets = [FIRST[0], second, (number >> 8) & 0xff, number & 0xff];
  return { instanceId: `${name}-${at}`, address: octets.join('.'), port: FIRST_PORT };
}
