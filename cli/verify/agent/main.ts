// Runs inside the network namespace of a service for `hauberk verify`: tasks and answers are lines of
// JSON on its standard streams, one task after the other, and it ends when its standard input does.
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { describeError } from '../../../common/errors.ts';
import type { AgentInterface, AgentMessage, AgentTask } from './agent-task.ts';
import { callCanaryServer, sendHttpRequests } from './canary-client.ts';
import { startCanaryServer } from './canary-server.ts';

/** Interception leaves this user alone, so that a probe meets the peer and not the own sidecar. */
const SIDECAR_UID = 15_337;

function say(message: AgentMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function interfaces(): AgentInterface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ internal, scopeid }) => !internal && !scopeid)
      .map(({ address, cidr }) => ({ name, address, cidr: cidr ?? address })),
  );
}

async function perform(task: AgentTask): Promise<void> {
  switch (task.kind) {
    case 'look':
      say({ event: 'interfaces', interfaces: interfaces() });
      return;
    case 'answer': {
      const server = await startCanaryServer(task.canaries);
      say({ event: 'listening', port: server.port });
      input.once('close', () => {
        say({ event: 'answered', received: server.received });
        server.close();
      });
      return;
    }
    case 'call':
      say({ event: 'called', ...(await callCanaryServer(task)) });
      return;
    case 'request':
      say({ event: 'requested', ...(await sendHttpRequests(task)) });
      return;
    case 'probe': {
      // Loaded by the one agent that needs it: what makes certificates takes its time to load.
      const { probeSidecar } = await import('./probes.ts');
      becomeSidecarUser();
      say({ event: 'probed', probes: await probeSidecar(task) });
      return;
    }
  }
}

/** There is no way back: nothing else can be asked of this process afterwards. */
function becomeSidecarUser(): void {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(SIDECAR_UID);
  process.setuid?.(SIDECAR_UID);
}

const input = createInterface({ input: process.stdin });
let earlier = Promise.resolve();
input.on('line', (line) => {
  earlier = earlier
    .then(() => perform(JSON.parse(line) as AgentTask))
    .catch((error: unknown) => {
      say({ event: 'failed', sentence: describeError(error) });
      input.close();
    });
});
