/** Lets a command go on after the reader of its output has left. */
export function ignoreLostOutput({
  stdout,
  stderr,
}: Pick<NodeJS.Process, 'stdout' | 'stderr'>): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader has seen enough, as in `hauberk certs | head -1`, or the terminal was closed.
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });
  stderr.on('error', () => {
    // No output is left to write to; the exit code still says it.
  });
}
