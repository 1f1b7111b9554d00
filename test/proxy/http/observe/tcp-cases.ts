import { FRAME, frame } from '../../../helpers/clients/http2-frames.ts';
import { NOTHING, type Case } from './case.ts';
import type { Step } from './observe.ts';

const c = (text: string): Step => ['client', text];
const s = (text: string): Step => ['server', text];
const serverEnd: Step = ['server', undefined];
const GET = c('GET / HTTP/1.1\r\nHost: a\r\n\r\n');

/** Connections that are not HTTP. */
export const TCP_CASES: readonly Case[] = [
  {
    title: 'a server that speaks first (SMTP)',
    steps: [s('220 mail ESMTP\r\n'), c('EHLO a\r\n')],
    ...NOTHING,
  },
  {
    title: 'a server that speaks first (MySQL)',
    steps: [s('\x4a\x00\x00\x00\x0a8.0'), c('x')],
    ...NOTHING,
  },
  { title: 'SSH', steps: [c('SSH-2.0-OpenSSH_9.2\r\n'), s('SSH-2.0-x\r\n')], ...NOTHING },
  { title: 'TLS', steps: [c('\x16\x03\x01\x02\x00\x01')], ...NOTHING },
  { title: 'Redis', steps: [c('*1\r\n$4\r\nPING\r\n'), s('+PONG\r\n')], ...NOTHING },
  { title: 'inline Redis', steps: [c('PING\r\n'), s('+PONG\r\n')], ...NOTHING },
  { title: 'memcached', steps: [c('set key 0 0 5\r\nhello\r\n'), s('STORED\r\n')], ...NOTHING },
  { title: 'RTSP', steps: [c('OPTIONS rtsp://a RTSP/1.0\r\nCSeq: 1\r\n\r\n')], ...NOTHING },
  {
    title: 'a version that HTTP/1 does not have',
    steps: [c('GET / HTTP/1.7\r\n\r\n')],
    ...NOTHING,
  },
  { title: 'HTTP/0.9', steps: [c('GET /\r\n'), s('hello')], ...NOTHING },
  { title: 'a word that is too long', steps: [c('A'.repeat(33))], ...NOTHING },
  { title: 'a line that is too long', steps: [c(`GET /${'x'.repeat(9_000)}`)], ...NOTHING },
  { title: 'a request, and no response', steps: [GET, s('hello, who is there?')], ...NOTHING },
  { title: 'nearly the preface', steps: [c('PRI * HTTP/2.0\r\n\r\nSMTP\r\n')], ...NOTHING },
  {
    title: 'a server of HTTP/2, and a client that is not',
    steps: [['server', frame({ type: FRAME.settings })], c('\x00\x01')],
    ...NOTHING,
  },
  { title: 'nothing', steps: [serverEnd], requests: [], detected: 'tcp' },
  { title: 'a first word', steps: [c('GET')], requests: [], detected: 'tcp' },
];
