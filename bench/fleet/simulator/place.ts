import type { ServicePlan } from './orders.ts';

/** What every sidecar serves, until it moves. */
export const FIRST_PORT = 8080;

/** Where the sidecars say that they are; nothing is dialled. */
const FIRST_OCTET = 10;

/** An address of its own for each sidecar, and the name that its neighbours know it by. */
export function placeOf({ name, first }: Pick<ServicePlan, 'name' | 'first'>, at: number) {
  const number = first + at;
  const octets = [FIRST_OCTET, (number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff];
  return { instanceId: `${name}-${at}`, address: octets.join('.'), port: FIRST_PORT };
}
