/**
 * For an 'error' event that 'close' follows, which the owner handles; Node.js throws where
 * nothing listens. Also for what failed where its absence says as much.
 */
export function ignoreError(): void {}

/**
 * For a promise whose rejection is seen by those who await it, of which there may be none yet, or none at
 * all: it must not count as an unhandled rejection meanwhile.
 */
export function mayReject(promise: Promise<unknown>): void {
  promise.catch(ignoreError);
}
