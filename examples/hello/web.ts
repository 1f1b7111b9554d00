// Asks the api for each request. The api is at a local port: that is the sidecar, which finds it.
import http from 'node:http';

const [, , api = 'http://127.0.0.1:9000'] = process.argv;

async function askApi(): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await fetch(api, { signal: AbortSignal.timeout(5_000) });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    return { status: 502, text: `${String(error)}\n` };
  }
}

const server = http.createServer((_request, response) => {
  void askApi().then(({ status, text }) => {
    response.writeHead(status).end(`web asked, and got: ${text}`);
  });
});
server.listen(8080);
