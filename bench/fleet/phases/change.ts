import { callersOf, POPULAR, type FleetService } from '../plan.ts';
import { FIRST_PORT } from '../simulator/place.ts';
import {
  spreadOutcome,
  SPREAD_DEADLINE_MS,
  untilQuiet,
  usageSince,
  figure,
  type FleetSetting,
  type PhaseOutcome,
} from './phase.ts';

const MOST_MS = 2_000;

/** An endpoint moves: one of a service that a few others call, and one of the service that all call. */
export async function measureChange(setting: FleetSetting): Promise<PhaseOutcome> {
  const usual = setting.services.at(-1);
  const popular = setting.services.find(({ name }) => name === POPULAR);
  const outcomes: PhaseOutcome[] = [];
  if (usual !== undefined) {
    outcomes.push(await moveOne(setting, usual, 'an endpoint of a service that few call'));
  }
  if (popular !== undefined) {
    outcomes.push(await moveOne(setting, popular, 'an endpoint of a service that all call'));
  }
  return {
    figures: outcomes.flatMap(({ figures }) => figures),
    shortfalls: outcomes.flatMap(({ shortfalls }) => shortfalls),
  };
}

async function moveOne(
  setting: FleetSetting,
  service: FleetService,
  what: string,
): Promise<PhaseOutcome> {
  const { simulators, services, begin } = setting;
  begin(what);
  await untilQuiet(setting);
  const instanceId = `${service.name}-0`;
  const port = FIRST_PORT + 1;
  await simulators.watch({ kind: 'endpoint', instanceId, port });
  const usage = usageSince(setting);
  const startMs = await simulators.move(instanceId, port);
  const many = callersOf(services, service.name);
  const atMs = await simulators.seen(many, SPREAD_DEADLINE_MS);
  const { messages } = await untilQuiet(setting);
  const { figures, shortfalls } = spreadOutcome('change', what, { startMs, atMs, many }, MOST_MS);
  return {
    figures: [
      ...figures,
      figure('change', `${what}: messages`, '', messages),
      figure('change', `${what}: CPU of the control plane`, 'ms', usage().controlPlaneMs),
    ],
    shortfalls,
  };
}
