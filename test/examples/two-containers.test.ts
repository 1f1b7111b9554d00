/**
 * examples/two-containers: a client and a server that know only HTTP. As they are, the order can be
 * read on the wire; with a mesh they do the same, and it cannot. Once with Docker, as the example's own
 * script has it, and once on hosts made of network namespaces.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { within } from '../helpers/deadline.ts';
import { startCapture } from '../helpers/netns/capture.ts';
import { asUser, endProcess, SYSTEM_ENV, type Host } from '../helpers/netns/network.ts';
import { startTransparentMesh } from '../helpers/netns/transparent-mesh.ts';
import { requires } from '../helpers/machine/requirements.ts';
import type { Scope } from '../helpers/scope.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/two-containers');
const PORT = 8_000;
const ORDERS = 2;
const CARD = '4111-1111-1111-1111';
const ANSWER = `thank you for one coffee, card ${CARD}\n`;

/** Starts the example's server on a host; resolves when it serves. */
async function startServer(scope: Scope, host: Host): Promise<void> {
  const [program = '', ...prefix] = host.through;
  const node = [...asUser('1000'), process.execPath];
  const child = spawn(program, [...prefix, ...node, join(EXAMPLE, 'server/main.ts')], {
    env: { ...SYSTEM_ENV, PORT: String(PORT) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  scope.teardown(() => endProcess(child));
  await within('the server takes orders', once(child.stdout, 'data'));
}

/** Orders from one host at another as the example's client does; resolves with what it was told. */
async function order(from: Host, to: Host): Promise<string> {
  const settings = [`SERVER=http://${to.ipv4}:${PORT}`, `ORDERS=${ORDERS}`];
  const client = [process.execPath, join(EXAMPLE, 'client/main.ts')];
  return (await from.run('env', ...settings, ...client)).stdout;
}

requires(
  'nft',
  'ip',
  'tcpdump',
  'network-namespaces',
)('the order is readable on the wire without the mesh, and not with it', async (t) => {
  const { hosts, stranger, network } = await startTransparentMesh(t, { client: [], server: [] });
  await Promise.all([startServer(t, hosts.server), startServer(t, stranger)]);

  const plain = await startCapture(t, network.bridge);
  t.is(await order(network.hosts.control, stranger), ANSWER.repeat(ORDERS));
  const [readPlain = 0] = await plain.count(CARD);
  t.is(readPlain, 2 * ORDERS, 'once in each order and once in each answer');

  const meshed = await startCapture(t, network.bridge);
  t.is(await order(hosts.client, hosts.server), ANSWER.repeat(ORDERS));
  t.deepEqual(await meshed.count(CARD), [0]);
});
