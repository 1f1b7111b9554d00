/**
 * Keeps the process alive until it is disposed of. While nothing listens yet, waiting for something on the network
 * does not: timers and connections that wait to be made again hold nothing.
 */
export function holdProcess(): Disposable {
  const { port1 } = new MessageChannel();
  port1.ref();
  return { [Symbol.dispose]: () => port1.close() };
}
