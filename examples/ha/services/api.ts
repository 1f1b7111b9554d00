// A service that knows HTTP and nothing else. Only its own sidecar reaches it.
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('the time is now\n'));
server.listen(8080, '127.0.0.1', () => process.stdout.write('serving\n'));
process.once('SIGTERM', () => process.exit());
