import { createLogUpdate } from 'log-update';
import type { WriteStream } from 'node:tty';
import { sleep, type Clock } from '../../common/clock.ts';
import { ignoreError } from '../../common/ignored.ts';
import type { ChildEnvironment } from './child.ts';
import { startDemoMesh, type DemoMesh } from './demo-mesh.ts';
import { DemoError } from './demo-error.ts';
import { demoReport, type DemoReport } from './demo-report.ts';
import { renderDemo } from './demo-view.ts';

/** How the demo runs. */
export interface DemoOptions {
  /** Ends by itself after every sidecar has renewed its certificate twice; otherwise by `signal`. */
  readonly once: boolean;
  /** Where the live view goes; without it nothing is shown. */
  readonly screen: WriteStream | undefined;
  /**
   * Is told, once, where a browser sees the mesh, as long as the demo runs, and the variables with which commands do; a
   * demo that ends by itself has no dashboard.
   */
  readonly onDashboard: (address: string, operatorEnv: DemoMesh['operatorEnv']) => void;
  readonly clock: Clock;
  /** The environment of the mesh's processes. */
  readonly env: ChildEnvironment;
  readonly signal: AbortSignal;
}

/** Often enough to look alive. */
const FRAME_MS = 250;
/** Rotations that every sidecar goes through in a demo that ends by itself. */
const ROTATIONS_TO_SEE = 2;
/** Two lives of a certificate and a slow start; a demo that takes longer has failed. */
const ONCE_DEADLINE_MS = 50_000;

/**
 * Shows a mesh at work: starts it, watches it, and takes it down without a trace.
 *
 * Throws DemoError when a process ends, when the certificates do not rotate in time, or when it is
 * interrupted before the mesh is up.
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { once, screen, clock, signal } = options;
  const deadlineMs = clock.monotonicMs() + ONCE_DEADLINE_MS;
  const mesh = await startDemoMesh({ ...options, dashboard: !once });
  try {
    const link = await freshLinks(mesh, clock);
    if (link.current !== undefined) options.onDashboard(link.current, mesh.operatorEnv);
    const show = screen === undefined ? undefined : createLogUpdate(screen);
    const late = (): DemoMesh['sidecars'] =>
      mesh.sidecars.filter(({ rotations }) => rotations < ROTATIONS_TO_SEE);
    while (!signal.aborted && !(once && late().length === 0)) {
      if (show !== undefined) await link.renew();
      show?.(renderDemo(mesh, await demoReport(mesh), clock.epochMs(), link.current));
      if (once && clock.monotonicMs() > deadlineMs) throw notInTime(late());
      await sleep(clock, FRAME_MS, signal).catch(ignoreError);
    }
    await mesh.finishLoad();
    const report = await demoReport(mesh);
    show?.(renderDemo(mesh, report, clock.epochMs(), undefined));
    show?.done();
    return report;
  } finally {
    await mesh.close();
  }
}

/** A link signs in once, and for five minutes: a browser that is opened later, or again, finds one that works. */
const LINK_MS = 60_000;

async function freshLinks(mesh: DemoMesh, clock: Clock) {
  let madeMs = clock.monotonicMs();
  let current = await mesh.dashboardLink();
  return {
    get current() {
      return current;
    },
    async renew(): Promise<void> {
      if (clock.monotonicMs() - madeMs < LINK_MS) return;
      madeMs = clock.monotonicMs();
      current = await mesh.dashboardLink();
    },
  };
}

function notInTime(late: DemoMesh['sidecars']): DemoError {
  const names = late.map(({ name, rotations }) => `${name} (${rotations})`).join(', ');
  const sentence = `expected every sidecar to rotate ${ROTATIONS_TO_SEE} times within ${ONCE_DEADLINE_MS / 1000} s, but not: ${names}`;
  const hint = 'this machine may be too busy: end other programs and try again';
  return new DemoError('not-in-time', sentence, { hint });
}
