/**
 * Loaded before a program of the demo: the program ends in good order when the demo is gone, however the
 * demo went. Its standard input is a pipe that ends with the demo.
 */
const { stdin } = process;

stdin.on('error', () => {
  // The other end was cut off; 'close' follows.
});
stdin.on('close', () => process.kill(process.pid, 'SIGTERM'));
stdin.resume().unref();
