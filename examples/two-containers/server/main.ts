// A shop that knows HTTP and nothing else: it takes orders in plaintext.
import { createServer } from 'node:http';

const port = Number(process.env['PORT'] ?? 8080);

const server = createServer((request, response) => {
  let order = '';
  request.setEncoding('utf8').on('data', (text: string) => (order += text));
  request.on('end', () => response.end(`thank you for ${order}\n`));
});
server.listen(port, () => process.stdout.write(`taking orders on port ${port}\n`));
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
