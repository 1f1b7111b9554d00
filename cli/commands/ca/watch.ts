import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../../common/errors.ts';
import type { CliContext } from '../../cli-context.ts';
import type { Authority, RootRotation } from '../../../proto/gen/hauberk/v1/admin.ts';
import { authorityDocument, rotationDigest, rotationReport } from './report.ts';

/** Where and how progress is shown. */
export interface WatchOptions extends Pick<CliContext, 'stdout' | 'stderr' | 'clock'> {
  /** One document a line, instead of text. */
  readonly json: boolean;
}

const INTERVAL_MS = 500;

/** A control plane that is started again is back by then. */
const PATIENCE_MS = 60_000;

/**
 * Shows how far a rotation is, whenever that changes, until it is over. Resolves with the exit code: 0
 * when the new root has come to stay.
 *
 * @param look asks again
 * @throws what `look` throws when that goes on for a minute
 */
export async function watchRotation(
  started: Authority,
  look: () => Promise<Authority>,
  options: WatchOptions,
): Promise<number> {
  const { stdout, json } = options;
  const wanted = started.rotation?.toDigest;
  const show = createView(options);
  let authority = started;
  for (;;) {
    const { rotation } = authority;
    if (json) show.line(JSON.stringify(authorityDocument(authority)), rotation);
    else if (rotation !== undefined) {
      show.text(rotationReport(rotation, options.clock.epochMs()), rotation);
    }
    if (rotation === undefined) break;
    await sleep(INTERVAL_MS);
    authority = await patiently(look, options);
  }
  const done = wanted === undefined || authority.rootDigest === wanted;
  if (!json) {
    stdout.write(
      done
        ? `done: the root is ${authority.rootDigest}\n`
        : `aborted: the root is ${authority.rootDigest}, as before\n`,
    );
  }
  return done ? 0 : 1;
}

async function patiently(
  look: () => Promise<Authority>,
  { stderr, clock }: WatchOptions,
): Promise<Authority> {
  const sinceMs = clock.monotonicMs();
  let told = '';
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (clock.monotonicMs() - sinceMs > PATIENCE_MS) throw error;
      const sentence = describeError(error);
      if (sentence !== told) stderr.write(`${sentence}; trying again\n`);
      told = sentence;
      await sleep(INTERVAL_MS);
    }
  }
}

interface View {
  text(report: string, rotation: RootRotation): void;
  line(document: string, rotation: RootRotation | undefined): void;
}

/** On a terminal a report takes the place of the one before; elsewhere each change is written once. */
function createView({ stdout }: WatchOptions): View {
  const live = 'isTTY' in stdout && stdout.isTTY === true;
  let shown: string | undefined;
  let lines = 0;
  const isNew = (rotation: RootRotation | undefined): boolean => {
    const digest = rotation === undefined ? '' : rotationDigest(rotation);
    if (digest === shown) return false;
    shown = digest;
    return true;
  };
  return {
    text(report, rotation) {
      const changed = isNew(rotation);
      if (!live && !changed) return;
      stdout.write(live && lines > 0 ? `\u001b[${lines}A\u001b[J${report}` : report);
      lines = report.split('\n').length - 1;
    },
    line(document, rotation) {
      if (isNew(rotation)) stdout.write(`${document}\n`);
    },
  };
}
