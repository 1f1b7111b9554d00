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
    description: 'where the chain ended when it was verified before; it must still be in it',
    placeholder: 'SEQUENCE:HASH',
  }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk certs verify',
  summary:
    'Checks that nothing in the issuance log was changed, added or taken out. Note where it ends, elsewhere: then nobody can make another log with the same end.',
  settings,
  notes: ['Exit code 1 when something is wrong.'],
};

/** `hauberk certs verify` */
export function certsVerify(context: CliContext): Promise<number> {
  return runCommand(spec, context, async ({ head: noted, json, admin, controlPlane }) => {
    const credential = readAdminCredential(admin);
    const client = connectAdmin({ address: controlPlane, credential });
    try {
      const { entries, links, head, findings } = await client.verifyCertificates(noted);
      const end = `${head.sequence}:${head.hash}`;
      if (json) context.stdout.write(formatJson({ entries, links, head: end, findings }));
      else if (findings.length === 0) {
        context.stdout.write(`${entries} entries are as they were written; it ends at ${end}\n`);
      } else {
        for (const finding of findings) context.stdout.write(`${finding}\n`);
      }
      return findings.length === 0 ? EXIT_CODE.ok : EXIT_CODE.failed;
    } finally {
      await client.close();
    }
  });
}
