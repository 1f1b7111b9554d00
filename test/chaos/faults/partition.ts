import { HOSTS, OBSERVER } from '../plan/cast.ts';
import { targetOf, type Fault } from './fault.ts';
import type { Mesh } from '../mesh/mesh.ts';

/** A host is cut off from all others but the observer: packets are dropped, and nobody is told. */
export const partition: Fault = ({ mesh }, planned) =>
  dropping(mesh, targetOf(planned), ['input', 'output']);

/** Packets pass in one direction only, as with a broken route or firewall. */
export const oneWay: Fault = ({ mesh }, planned) =>
  dropping(mesh, targetOf(planned), [planned.variant === 0 ? 'input' : 'output']);

async function dropping(mesh: Mesh, name: string, hooks: readonly ('input' | 'output')[]) {
  const host = mesh.host(name);
  const others = HOSTS.filter((other) => other !== name && other !== OBSERVER);
  const addresses = others.map((other) => mesh.host(other).ipv4).join(', ');
  const chains = hooks.map((hook) => {
    const side = hook === 'input' ? 'saddr' : 'daddr';
    return `chain ${hook} { type filter hook ${hook} priority 0; ip ${side} { ${addresses} } drop; }`;
  });
  await host.configure(`nft 'table inet chaos { ${chains.join('; ')}; }'`);
  return () => host.configure('nft delete table inet chaos');
}
