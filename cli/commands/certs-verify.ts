import type { CommandSpec } from '../../common/config/command-spec.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { setting } from '../../common/config/settings.ts';
import { valueType, type ValueType } from '../../common/config/values.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { connectAdmin, type LogHead } from '../client.ts';
import { readAdminCredential } from '../credential.ts';
import { formatJson } from '../output/json.ts';

const logHead: ValueType<LogHead> = valueType('SEQUENCE:HASH', (raw) => {
  const [, sequence, hash] = /^(\d{1,12}):([0-9a-f]{64})$/.exec(raw) ?? [];
  return hash === undefined ? undefined : { sequence: Number(sequence), hash };
});

const settings = {
  head: setting(logHead.optional(), {
    description: 'the end of the chain at an earlier verification; the chain must still contain it',
    placeholder: 'SEQUENCE:HASH',
  }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk certs verify',
  summary:
    'Checks that no entry of the issuance log was changed, added or removed. Record its end in another place: with --head, the command then also detects a log that was rewritten as a whole.',
  settings,
  notes: ['Exit code 1 when the check fails.'],
};

/** `hauberk certs verify` */
export function run(context: CliContext): Promise<number> {
  return runCommand(spec, context, async ({ head: noted, json, admin, controlPlane }) => {
    const credential = readAdminCredential(admin);
    const client = connectAdmin({ address: controlPlane, credential });
    try {
      const { entries, links, head, findings } = await client.verifyCertificates(noted);
      const end = `${head.sequence}:${head.hash}`;
      if (json) context.stdout.write(formatJson({ entries, links, head: end, findings }));
      else if (findings.length === 0) {
        context.stdout.write(`${entries} entries are unchanged; the log ends at ${end}\n`);
      } else {
        for (const finding of findings) context.stdout.write(`${finding}\n`);
      }
      return findings.length === 0 ? EXIT_CODE.ok : EXIT_CODE.failed;
    } finally {
      await client.close();
    }
  });
}
