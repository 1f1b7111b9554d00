import { machineMs } from '../machine-clock.ts';
import { FLEET_NAMESPACE } from '../plan.ts';
import type { Sighting } from '../simulator/orders.ts';
import {
  figure,
  spreadOutcome,
  SPREAD_DEADLINE_MS,
  untilQuiet,
  usageSince,
  type FleetSetting,
  type PhaseOutcome,
} from './phase.ts';

/**
 * A mesh configuration with so many rules. Addresses of the fleet need no proof, and the control plane dials
 * nowhere: nothing is there.
 */
export function fleetConfig(rules: number): string {
  const list = Array.from(
    { length: rules },
    (_, at) =>
      `    - { name: rule-${at}, action: allow, from: [svc-${at}], to: [svc-${at + 1}], ports: [8080] }`,
  );
  return [
    'addresses:',
    `  services: { '*.${FLEET_NAMESPACE}': [10.0.0.0/8] }`,
    '  dialBack: off',
    'authorization:',
    `  namespace: ${FLEET_NAMESPACE}`,
    list.length === 0 ? '  rules: []' : '  rules:',
    ...list,
    '',
  ].join('\n');
}

/** As people have them. */
const RULES = 50;
const MOST_MS = 2_000;

/** A new policy reaches all. */
export async function measurePolicy(setting: FleetSetting): Promise<PhaseOutcome> {
  const { operator } = setting.controlPlane;
  const { version } = await operator.getMeshConfig();
  const sighting: Sighting = { kind: 'policy', configVersion: version + 1 };
  return await spread(setting, 'policy', `a policy of ${RULES} rules`, sighting, async () => {
    const options = { baseVersion: version, dryRun: false };
    await operator.applyMeshConfig(fleetConfig(RULES), options);
  });
}

/** An identity is revoked, and all are told. */
export async function measureRevocation(setting: FleetSetting): Promise<PhaseOutcome> {
  const { operator } = setting.controlPlane;
  const identity = { namespace: FLEET_NAMESPACE, service: 'revoked' };
  const spiffeId = `spiffe://${operator.trustDomain}/ns/${FLEET_NAMESPACE}/sa/revoked`;
  const sighting: Sighting = { kind: 'revocation', spiffeId };
  return await spread(setting, 'revocation', 'a revocation', sighting, async () => {
    await operator.revoke({ kind: 'identity', ...identity }, { force: true });
  });
}

async function spread(
  setting: FleetSetting,
  phase: string,
  what: string,
  sighting: Sighting,
  change: () => Promise<void>,
): Promise<PhaseOutcome> {
  const { simulators, options, begin } = setting;
  begin(what);
  await untilQuiet(setting);
  await simulators.watch(sighting);
  const usage = usageSince(setting);
  const startMs = machineMs();
  await change();
  const many = options.sidecars;
  const atMs = await simulators.seen(many, SPREAD_DEADLINE_MS);
  await untilQuiet(setting);
  const { figures, shortfalls } = spreadOutcome(phase, what, { startMs, atMs, many }, MOST_MS);
  const cpu = usage().controlPlaneMs;
  return {
    figures: [...figures, figure(phase, `${what}: CPU of the control plane`, 'ms', cpu)],
    shortfalls,
  };
}
