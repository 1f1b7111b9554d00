/** examples/ha as a reader runs it: its script, with a real Docker engine. */
import { dockerEngine } from '../helpers/docker/docker-engine.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { runExampleScript, SCRIPT_TIMEOUT_MS } from './run-script.ts';

requires('docker')('run.sh kills each in turn, and no call fails', async (t) => {
  t.timeout(SCRIPT_TIMEOUT_MS);
  const said = await runExampleScript(t, await dockerEngine(t), 'ha');
  for (const [victim, survivor] of [
    ['etcd-1', 'control-plane-a'],
    ['etcd-2', 'control-plane-a'],
    ['etcd-3', 'control-plane-a'],
    ['control-plane-a', 'control-plane-b'],
    ['control-plane-b', 'control-plane-a'],
  ]) {
    t.regex(
      said,
      new RegExp(`^killed ${victim}: a token was made at ${survivor}, and \\d+ calls`, 'm'),
    );
  }
  t.regex(said, /^each was killed once, and none of \d+ calls failed: passed$/m);
});
