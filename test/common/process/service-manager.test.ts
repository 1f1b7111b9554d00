// systemd is told by its own program; a listener in perl, which every Debian has, stands where systemd would.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { tellReady } from '../../../common/process/service-manager.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const LISTENER = `use IO::Socket::UNIX; $| = 1;
my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die; print "listening\\n";
my $m; while (defined $s->recv($m, 4096)) { print "$m\\n"; }`;

requires('systemd-notify', 'perl')('systemd is told once that the program is ready', async (t) => {
  await using folder = await temporaryDirectory();
  const socket = join(folder.path, 'notify');
  const listener = spawn('perl', ['-e', LISTENER, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => listener.kill());
  const lines = createInterface({ input: listener.stdout })[Symbol.asyncIterator]();
  t.is((await within('it listens', lines.next())).value, 'listening');
  const { logger, lines: logged } = createLogRecorder();
  tellReady({ env: { PATH: process.env['PATH'], NOTIFY_SOCKET: socket }, logger });
  t.is((await within('systemd is told', lines.next())).value, 'READY=1');
  t.deepEqual(logged, []);
});

test('without a service manager nothing is started', (t) => {
  const { logger, lines } = createLogRecorder();
  tellReady({ env: { PATH: '/nowhere' }, logger });
  t.deepEqual(lines, []);
});

test('a program that cannot tell systemd serves all the same, and says it', async (t) => {
  const { logger, of } = createLogRecorder();
  tellReady({ env: { PATH: '/nowhere', NOTIFY_SOCKET: '/nowhere/notify' }, logger });
  const [line] = await eventually('it is logged', () => {
    const found = of('not-notified');
    return found.length > 0 ? found : undefined;
  });
  t.is(line?.level, 40);
  t.regex(String(line?.['err']), /systemd-notify/);
});
