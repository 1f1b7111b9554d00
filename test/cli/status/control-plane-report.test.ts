// What `hauberk status` says of control planes: of several a table, of one nothing but in JSON.
import test from 'ava';
import {
  controlPlaneDocument,
  controlPlaneTable,
} from '../../../cli/status/control-plane-report.ts';
import type { ControlPlane } from '../../../proto/gen/hauberk/v1/admin.ts';

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const one: ControlPlane = {
  id: 'a1',
  addresses: ['10.0.0.1:15012', '[fd00::1]:15012'],
  leads: true,
  softwareVersion: '1.2.3',
  startedMs: NOW_MS - 3_600_000,
  viewVersion: 70,
  sidecars: 5,
  acknowledgedVersion: 69,
};
const other = { ...one, id: 'b2', addresses: [], leads: false, sidecars: 0 };

test('several are a table, with who leads and how far each is', (t) => {
  const [header = '', first = '', second = '', ...rest] = controlPlaneTable(
    [one, other],
    NOW_MS,
  ).split('\n');
  t.regex(header, /^CONTROL PLANE +ADDRESS +LEADS +UP +SIDECARS +VIEW +ACKNOWLEDGED/);
  t.regex(first, /^a1 +10\.0\.0\.1:15012 +yes +1h\S* +5 +70 +69/);
  t.regex(second, /^b2 +- +no +/);
  t.deepEqual(rest, ['', '']);
});

test('of one alone there is nothing to tell', (t) => {
  t.is(controlPlaneTable([one], NOW_MS), '');
  t.is(controlPlaneTable([], NOW_MS), '');
});

test('JSON has all of it', (t) => {
  t.deepEqual(controlPlaneDocument(one), {
    id: 'a1',
    addresses: ['10.0.0.1:15012', '[fd00::1]:15012'],
    leads: true,
    startedAt: '2026-01-01T11:00:00.000Z',
    sidecars: 5,
    viewVersion: 70,
    acknowledgedVersion: 69,
    version: '1.2.3',
  });
});
