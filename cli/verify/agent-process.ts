import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Closeable } from '../../common/lifecycle.ts';
import { nodeEnvironment } from '../../common/process/node-environment.ts';
import { ownProgram } from '../../common/process/own-program.ts';
import type { AgentMessage, AgentTask } from './agent/agent-task.ts';
import type { NamespaceEntry } from './namespace-selector.ts';
import { firstLine, programMissing } from './run-program.ts';
import { VerifyError } from './verify-error.ts';

/** A process of ours in the network namespace of a service. */
export interface Agent extends Closeable {
  /** Hands it a task, which it begins when the ones before are done. */
  send(task: AgentTask): void;
  /** The next message of this kind. @throws VerifyError `agent-failed` when it ends before */
  receive<Event extends AgentMessage['event']>(
    event: Event,
  ): Promise<Extract<AgentMessage, { event: Event }>>;
  /** No task follows: it ends. What it says at the end can still be heard. */
  finish(): void;
}

/** Starts a process in a namespace. A waiter for its messages learns why it could not start. */
export function startAgent(
  namespace: NamespaceEntry,
  env: Readonly<Record<string, string | undefined>>,
): Agent {
  const { execArgv, entry } = ownProgram('cli/verify/agent/main.ts');
  const [program = '', ...args] = [...namespace.enter, process.execPath, ...execArgv, ...entry];
  const child = spawn(program, args, { env: nodeEnvironment(env) });
  const messages: AgentMessage[] = [];
  const changed = new EventTarget();
  let complaint = '';
  let failure: unknown;
  let ended = false;
  child.stdin.on('error', () => {
    // It ended before it read a task, and has said why.
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  child.on('error', (error) => {
    failure = error;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    messages.push(JSON.parse(line) as AgentMessage);
    changed.dispatchEvent(new Event('change'));
  });
  child.once('close', () => {
    ended = true;
    changed.dispatchEvent(new Event('change'));
  });

  const whyEnded = (): VerifyError => {
    if (failure !== undefined) return programMissing(program);
    if (/not permitted|permission denied/i.test(complaint)) {
      const sentence = `the system does not let this process enter the network namespace of ${namespace.name}`;
      return new VerifyError('not-permitted', sentence, { hint: 'run it as root' });
    }
    const said = messages.find((message) => message.event === 'failed')?.sentence;
    const reason = said ?? firstLine(complaint);
    const sentence = `the test process in ${namespace.name} failed: ${reason}`;
    return new VerifyError('agent-failed', sentence);
  };

  return {
    send: (task) => void child.stdin.write(`${JSON.stringify(task)}\n`),
    async receive(event) {
      for (;;) {
        const found = messages.find((message) => message.event === event);
        if (found !== undefined) return found as Extract<AgentMessage, { event: typeof event }>;
        if (ended) throw whyEnded();
        await once(changed, 'change');
      }
    },
    finish: () => void child.stdin.end(),
    async close() {
      child.kill('SIGKILL');
      if (!ended) await once(changed, 'change');
    },
  };
}
