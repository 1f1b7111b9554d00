/** The commands of docs/gateway.md are run as a reader would: its blocks, in their order, in one shell. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readYamlDocument } from '../../common/config/yaml-document.ts';
import { GATEWAY_FILE_SCHEMA } from '../../proxy/gateway/config/gateway-file.ts';
import test from 'ava';
import { within } from '../helpers/deadline.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { chooseFreePorts, shellBlocks, withPorts } from './quick-start.ts';
import { tableOf } from './markdown.ts';
import { IDENTITY_FIELDS } from '../../proxy/http/fields/identity-fields.ts';
import { httpLimits } from '../../proxy/gateway/config/limits.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = 'docs/gateway.md';

requires('curl', 'openssl')(
  'the commands of docs/gateway.md lead a client to a service',
  async (t) => {
    await using temporary = await temporaryDirectory();
    const blocks = shellBlocks(PAGE, '## Try it');
    t.is(blocks.length, 4, 'all blocks were found');
    const ports = await chooseFreePorts(blocks);
    const script = blocks.map((block) => `echo "block"\n${withPorts(block, ports)}`).join('\n');
    const { PATH, HOME } = process.env;
    const HAUBERK_CONTROL_PLANE = `127.0.0.1:${ports.get('15012')}`;
    const shell = spawn('sh', ['-eu', '-c', script], {
      cwd: ROOT,
      env: { PATH, HOME, TMPDIR: temporary.path, HAUBERK_CONTROL_PLANE },
      // A group of its own, so that nothing that it started outlives a failure.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const endGroup = (): void => {
      try {
        process.kill(-(shell.pid ?? 0), 'SIGKILL');
      } catch {
        // Nobody of the group is left, as it should be.
      }
    };
    t.teardown(endGroup);
    shell.once('exit', endGroup);
    const [stdout, stderr, [code]] = await within(
      'the commands end',
      Promise.all([
        shell.stdout.setEncoding('utf8').toArray(),
        shell.stderr.setEncoding('utf8').toArray(),
        once(shell, 'close') as Promise<[number | null]>,
      ]),
      80_000,
    );
    t.is(code, 0, `${stdout.join('')}\n${stderr.join('')}`);
    const [, , , followed = '', changed = ''] = stdout.join('').split(/^block$/m);
    t.is(followed.trim(), '/api/hello for 127.0.0.1');
    t.regex(changed, /404 Not Found\n(?:.*\n)*\/ for 127\.0\.0\.1/);
    t.deepEqual(readdirSync(temporary.path), [], 'nothing is left behind');
  },
);

test('the file that docs/gateway.md shows can be used', (t) => {
  const page = readFileSync(join(ROOT, PAGE), 'utf8');
  const [, text = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? [];
  t.is(readYamlDocument({ text, name: PAGE }, GATEWAY_FILE_SCHEMA).listeners.length, 4);
});

test('docs/gateway.md tells the limits as they are', (t) => {
  const rows = tableOf('gateway.md', 'Limits').map(([key = '', value]) => [key, value]);
  const limits = Object.entries(httpLimits.parse({}));
  t.deepEqual(
    rows,
    limits.map(([key, value]) => [`limits.${key}`, String(value)]),
  );
});

test('docs/gateway.md lists the fields that no client may send', (t) => {
  const page = readFileSync(join(ROOT, PAGE), 'utf8');
  const [, list = ''] = /any rest:\n\n(.*?)\.\n\n/s.exec(page) ?? [];
  const named = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  t.deepEqual(named, [...IDENTITY_FIELDS]);
});
