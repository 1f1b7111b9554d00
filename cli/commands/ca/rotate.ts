import { type CommandSpec, setting, switchSetting } from '../../../common/config/settings.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { runCommand } from '../../../common/config/run-command.ts';
import { durationSeconds } from '../../../common/config/values.ts';
import { ADMIN_SETTINGS } from '../../admin/settings.ts';
import type { CliContext } from '../../cli-context.ts';
import type { Authority } from '../../../proto/gen/hauberk/v1/admin.ts';
import { askControlPlane } from '../../admin/admin-command.ts';
import { authorityDocument } from './report.ts';
import { watchRotation } from './watch.ts';

const WEEK_SECONDS = 7 * 86_400;
/** Sidecars renew within five seconds, and half of the grace is for that. */
const MIN_GRACE_SECONDS = 15;

const settings = {
  compromised: switchSetting({
    description:
      'the key of the root is compromised: invalidate join tokens, and wait no longer than --grace',
  }),
  grace: setting(durationSeconds({ min: MIN_GRACE_SECONDS, max: WEEK_SECONDS }).optional(), {
    description:
      'with --compromised: how long to wait for sidecars that do not have the new root yet (60s)',
    placeholder: 'TIME',
    advanced: true,
  }),
  detach: switchSetting({ description: 'start the rotation, and do not wait for its end' }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk ca rotate',
  summary:
    'Replaces the root without downtime: every sidecar first trusts both roots, then certificates are issued below the new one, and when no certificate in use chains to the previous root, that root is removed. Shows the progress until the rotation is complete; Ctrl+C only stops watching, and the same command resumes it.',
  settings,
  examples: [
    { purpose: 'a routine rotation; join tokens stay valid', line: 'hauberk ca rotate' },
    {
      purpose: 'an emergency rotation, because the key was stolen',
      line: 'hauberk ca rotate --compromised --grace 2m',
    },
  ],
};

const DEFAULT_GRACE_SECONDS = 60;

/** `hauberk ca rotate` */
export function run(context: CliContext): Promise<number> {
  return runCommand(spec, context, async (given) => {
    const { compromised, grace, detach, json } = given;
    if (grace !== undefined && !compromised) {
      const sentence =
        '--grace is for --compromised only: a routine rotation waits for every sidecar';
      throw new ConfigError('setting-invalid', sentence, {
        hint: 'leave --grace out, or add --compromised',
      });
    }
    const graceSeconds = grace ?? DEFAULT_GRACE_SECONDS;
    // Each question has a connection of its own, with the credential as it is in the file by now: the control
    // plane renews it in each phase, and may be started again meanwhile.
    const started = await askControlPlane(given, (client) =>
      client.rotateRoot({ compromised, graceSeconds }),
    );
    if (detach) {
      const text = `${started.rotation?.phase ?? 'stable'}; watch it with: hauberk ca status\n`;
      context.stdout.write(json ? `${JSON.stringify(authorityDocument(started))}\n` : text);
      return 0;
    }
    const look = (): Promise<Authority> =>
      askControlPlane(given, (client) => client.getAuthority());
    return watchRotation(started, look, { ...context, json });
  });
}
