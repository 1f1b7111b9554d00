// Loaded before a program with --import: moves its Date by the milliseconds in a file, and says that it has.
import { readFileSync, writeFileSync } from 'node:fs';
import { env, pid } from 'node:process';

const LOOK_INTERVAL_MS = 20;

const file = env['MOVABLE_CLOCK'] ?? '';
const MachineDate = Date;
const machineNow = Date.now.bind(Date);
let offsetMs = 0;

const now = (): number => machineNow() + offsetMs;
globalThis.Date = new Proxy(MachineDate, {
  construct: (target, args, made) =>
    Reflect.construct(
      target,
      args.length === 0 ? [now()] : args,
      made === globalThis.Date ? target : made,
    ),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});

function look(): void {
  const wantedMs = Number(readFileSync(file, 'utf8'));
  if (wantedMs === offsetMs) return;
  offsetMs = wantedMs;
  writeFileSync(`${file}.${pid}`, String(offsetMs));
}

look();
setInterval(look, LOOK_INTERVAL_MS).unref();
