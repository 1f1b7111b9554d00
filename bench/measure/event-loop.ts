const TURNS = /^hauberk_event_loop_turns_total (\d+)/m;

/** Turns of the event loop in a text of metrics; NaN when it has no such counter, as those of other proxies. */
export function parseTurns(text: string): number {
  return Number(TURNS.exec(text)?.[1] ?? Number.NaN);
}

/** Turns of the event loops of some processes so far, all together; NaN where they are not counted. */
export async function eventLoopTurns(metrics: readonly string[]): Promise<number> {
  if (metrics.length === 0) return Number.NaN;
  const texts = await Promise.all(metrics.map(async (url) => await (await fetch(url)).text()));
  return texts.map(parseTurns).reduce((sum, turns) => sum + turns, 0);
}
