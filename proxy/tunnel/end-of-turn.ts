import { callEach } from '../../common/listeners.ts';

let tasks: (() => void)[] = [];

/** Runs tasks when the present turn of the event loop ends: all of them in one callback. */
export function atEndOfTurn(task: () => void): void {
  if (tasks.push(task) === 1) setImmediate(runTasks);
}

function runTasks(): void {
  const due = tasks;
  tasks = [];
  callEach(due, (task) => task());
}
