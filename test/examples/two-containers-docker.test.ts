/** examples/two-containers as a reader runs it: its script, with a real Docker engine. */
import { dockerEngine } from '../helpers/docker/docker-engine.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { runExampleScript, SCRIPT_TIMEOUT_MS } from './run-script.ts';

requires('docker')('run.sh reads the order before, and cannot after', async (t) => {
  t.timeout(SCRIPT_TIMEOUT_MS);
  const said = await runExampleScript(t, await dockerEngine(t), 'two-containers');
  t.regex(said, /== without a mesh\nthe card number was read [1-9]\d* times/);
  t.regex(said, /== with Hauberk\nthe card number was read 0 times/);
  t.regex(
    said,
    /\n {2}ok {9}a client with the wrong identity {2}refused: it answered CONNECT with 401\n/,
  );
  t.regex(said, /\nreadable before, encrypted after: passed\n$/);
});
