// An application that records each write before it acknowledges it: `recorder.ts FILE PORT`. A line of the file is
// the id of a write, the SHA-256 of what came, and what the writer says that it is.
import { createHash } from 'node:crypto';
import { fsyncSync, openSync, writeSync } from 'node:fs';
import http from 'node:http';
import { argv } from 'node:process';

const [file = '', port = '', marker = ''] = argv.slice(2);
const record = openSync(file, 'a');

http
  .createServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      if (request.method !== 'POST') {
        response.end(`alive ${marker}`);
        return;
      }
      const digest = hash.digest('hex');
      const { 'x-write-id': id, 'x-writer': writer } = request.headers;
      writeSync(record, `${String(id)} ${digest} ${String(writer)}\n`);
      fsyncSync(record);
      response.end(`${digest} ${marker}`);
    });
  })
  .listen(Number(port), '127.0.0.1', () => console.log('ready'));
