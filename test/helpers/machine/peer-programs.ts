/** Programs that no distribution has: `npm run test:peers` fetches them, and runs the tests with them. */
export type PeerProgram = 'envoy' | 'h2spec' | 'docker-compose-v2' | 'grpc-go' | 'grpc-python';

/** Ends the title of a test that only that command is sure to run. */
export const LEFT_TO_PEERS = 'npm run test:peers';
