import type { Peer } from './peer.ts';

/** The application without sidecars: what load and application take by themselves. */
export const directPeer: Peer = {
  id: 'direct',
  title: 'no sidecars',
  kind: 'none',
  program: '',
  install: 'nothing is needed',
  version: () => Promise.resolve(''),
  plans: {
    sidecars: () => Promise.reject(new Error('expected no start of a pair without sidecars')),
  },
};
