// Imported before a program of a test: at SIGUSR2, one callback of each kind throws where no guard stands.
import { EventEmitter } from 'node:events';

process.on('SIGUSR2', () => {
  setTimeout(() => {
    throw new Error('thrown in a timer');
  });
  const emitter = new EventEmitter();
  emitter.on('data', () => {
    throw new Error('thrown in a listener');
  });
  setImmediate(() => emitter.emit('data'));
  void Promise.reject(new Error('thrown in a promise'));
  queueMicrotask(() => {
    throw new Error('thrown in a microtask');
  });
});
