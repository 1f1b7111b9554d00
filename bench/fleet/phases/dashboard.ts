import { pause } from '../../lab/deadline.ts';
import { openPage } from '../browser.ts';
import { machineMs } from '../machine-clock.ts';
import { figure, usageSince, type FleetSetting, type PhaseOutcome } from './phase.ts';

/** Until every sidecar has been asked and has reported. */
const FIRST_REPORTS_MS = 60_000;
const ASK_EVERY_MS = 500;
const WATCHED_MS = 10_000;
const KIB = 1024;
/** The quarter of a core, in a fleet of so many. */
const MOST_PERCENT = 25;
const FOR_SIDECARS = 1_000;

/** An operator has the picture of the mesh open: sidecars report what passes every other second, and it is summed and sent. */
export async function measureDashboard(setting: FleetSetting): Promise<PhaseOutcome> {
  const { controlPlane, options, begin } = setting;
  const { sidecars } = options;
  begin('opening the dashboard');
  const page = await openPage(controlPlane.operator);
  try {
    const reporting = (): number => {
      const figures = page.newest('figures') as { readonly reporting?: number } | null;
      return figures?.reporting ?? 0;
    };
    const endMs = machineMs() + FIRST_REPORTS_MS;
    while (reporting() < sidecars && machineMs() < endMs) await pause(ASK_EVERY_MS);
    begin('watching the dashboard');
    const before = sum(page.events);
    const usage = usageSince(setting);
    const startMs = machineMs();
    await pause(WATCHED_MS);
    const tookMs = machineMs() - startMs;
    const { controlPlaneMs } = usage();
    const after = sum(page.events);
    const { edges = [] } = (page.newest('figures') ?? {}) as {
      readonly edges?: readonly unknown[];
    };
    const target = { is: 'at-most', limit: MOST_PERCENT } as const;
    const percent = (controlPlaneMs / tookMs) * 100;
    return {
      figures: [
        figure('dashboard', 'sidecars that report', '', reporting()),
        figure('dashboard', 'edges in the picture', '', edges.length),
        figure('dashboard', 'events for the browser', '/s', per(after.many - before.many, tookMs)),
        figure(
          'dashboard',
          'bytes for the browser, before compression',
          'KiB/s',
          per(after.bytes - before.bytes, tookMs) / KIB,
        ),
        figure(
          'dashboard',
          'CPU of the control plane',
          '% of a core',
          percent,
          sidecars <= FOR_SIDECARS ? target : undefined,
        ),
      ],
      shortfalls:
        reporting() < sidecars
          ? [`${sidecars - reporting()} of ${sidecars} sidecars report no traffic`]
          : [],
    };
  } finally {
    page.close();
  }
}

function per(many: number, tookMs: number): number {
  return (many / tookMs) * 1_000;
}

function sum(events: ReadonlyMap<string, { readonly many: number; readonly bytes: number }>): {
  readonly many: number;
  readonly bytes: number;
} {
  const all = [...events.values()];
  return {
    many: all.reduce((total, one) => total + one.many, 0),
    bytes: all.reduce((total, one) => total + one.bytes, 0),
  };
}
