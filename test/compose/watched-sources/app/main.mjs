import { readFileSync } from 'node:fs';
import http from 'node:http';

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8').trim();
const [atStart, builtIn] = [read('read-at-start'), read('built-in')];
http
  .createServer((_request, response) => {
    response.end([read('read-each-time'), atStart, builtIn].join(' '));
  })
  .listen(9000);
