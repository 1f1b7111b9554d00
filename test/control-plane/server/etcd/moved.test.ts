// A control plane that was away for so long that it counted as ended, while its store was moved: it ends when it is back.
import { join } from 'node:path';
import { runHauberk } from '../../../helpers/mesh/hauberk-process.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { startEtcdForControlPlanes } from '../../../helpers/etcd/etcd-control-planes.ts';

const test = requires('etcd', 'etcdctl', 'openssl');

test('a control plane that was paused while its store was moved ends, and says where that is', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 1);
  const paused = etcd.start('one');
  await paused.logged('ready');
  paused.signal('SIGSTOP');
  // As after 9 s.
  for (const key of ['control-planes/', 'leader/']) {
    await etcd.cluster.etcdctl('del', '--prefix', `/hauberk/data/${key}`);
  }
  const target = join(etcd.directory, 'moved.db');
  const from = etcd.store.map((flag) => flag.replace(/^--store=/, '--from='));
  const moving = ['store', 'migrate', ...from, ...etcd.unlock, `--to=sqlite:${target}`];
  const moved = await runHauberk(moving);
  t.is(moved.code, 0, moved.stderr);

  paused.signal('SIGCONT');
  t.is(await paused.exited, 2);
  t.regex(paused.output(), /the state of this store (is being|was) moved to sqlite:\/.*moved\.db/);
});
