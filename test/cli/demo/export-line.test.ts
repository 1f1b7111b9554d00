import { execFileSync } from 'node:child_process';
import test from 'ava';
import { exportOf } from '../../../cli/demo/demo-view.ts';

test('a shell takes the line that the demo prints, whatever the temporary folder is called', (t) => {
  for (const value of ['/tmp/hauberk-demo-1/admin.pem', "/tmp/a b/it's $HOME/admin.pem"]) {
    const script = `${exportOf({ HAUBERK_ADMIN: value })}; printf %s "$HAUBERK_ADMIN"`;
    t.is(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), value);
  }
  t.is(exportOf({ A: '127.0.0.1:1', B: 'demo' }), 'export A=127.0.0.1:1 B=demo');
});
