/** A greedy identity cannot take all local ports to the application: honest callers lose nothing. */
import { requires } from '../helpers/machine/requirements.ts';
import type { PortsResult } from './inside/ports.ts';
import { runInside } from './namespaces.ts';

const RANGE = 200;

requires('network-namespaces', 'ip')('a port range of 200 outlasts a greedy peer', async (t) => {
  const setup = `echo 40000 ${40_000 + RANGE - 1} > /proc/sys/net/ipv4/ip_local_port_range`;
  const result = await runInside<PortsResult>(t, 'ports.ts', { setup });
  t.deepEqual(result.failures, []);
  t.true(result.requests >= 70);
  t.true(result.kept <= RANGE / 2, `${result.kept} are kept`);
  t.true(result.refusals > 0);
  t.true(result.backMs < 5_000, `back after ${result.backMs} ms`);
  t.deepEqual(result.exits, [0, 0, 0]);
});
