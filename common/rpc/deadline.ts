import { systemClock } from '../clock.ts';

/**
 * The deadline of a call to make now, as the gRPC library takes it: a date of the machine's clock,
 * whatever clock its caller runs on. The library turns it into a duration as soon as the call starts.
 */
export function callDeadline(timeoutMs: number): number {
  return systemClock.epochMs() + timeoutMs;
}
