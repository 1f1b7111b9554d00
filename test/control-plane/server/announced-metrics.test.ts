import test from 'ava';
import { announcedMetrics } from '../../../control-plane/server/announced-addresses.ts';

const ANY = { host: '::', port: 15_014 };
const advertise = [{ host: 'control.example', port: 15_012 }];

test('metrics are announced where sidecars reach the control plane, at the port that they have', (t) => {
  t.is(announcedMetrics({ advertise, httpListen: ANY }, 40_000), 'control.example:40000');
  const own = announcedMetrics({ advertise: [], httpListen: ANY }, 40_000);
  t.regex(own, /^(?:[\d.]+|\[[\da-f:]+\]):40000$/);
  t.notRegex(own, /^(?:0\.0\.0\.0|\[::\])/);
});

test('metrics that are served at one address are there, whatever is advertised', (t) => {
  const at = (host: string) =>
    announcedMetrics({ advertise, httpListen: { host, port: 15_014 } }, 15_014);
  t.is(at('127.0.0.1'), '127.0.0.1:15014');
  t.is(at('fd00::7'), '[fd00::7]:15014');
});
