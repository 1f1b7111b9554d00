let factor = 1;

/** Makes all deadlines of this test file longer: for programs that run under an emulator. */
export function lengthenDeadlines(times: number): void {
  factor = times;
}

/**
 * Waits for something that should happen, and says what did not when it takes too long. The deadline
 * is there to end a broken test, not to measure: it is far longer than the event can take.
 */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  deadlineMs = 45_000,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const longMs = deadlineMs * factor;
  const timeout = setTimeout(() => {
    reject(new Error(`within ${longMs / 1000} s this did not happen: ${what}`));
  }, longMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timeout);
  }
}

/**
 * Asks until the answer is there: for states of other processes that send no event, like a metric.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  deadlineMs = 45_000,
): Promise<T> {
  const longMs = deadlineMs * factor;
  const endMs = Date.now() + longMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > endMs) {
      throw new Error(`within ${longMs / 1000} s this did not happen: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
