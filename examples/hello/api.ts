// An application that knows nothing of a mesh: it answers on loopback, where its sidecar finds it.
import http from 'node:http';

let answers = 0;
const server = http.createServer((_request, response) => {
  answers += 1;
  response.end(`hello number ${answers} from api\n`);
});
server.listen(8080, '127.0.0.1');
