import test from 'ava';
import {
  MAX_ALLOWANCES,
  MAX_INSTANCES,
  requireRoom,
  withBoundedAllowances,
} from '../../../control-plane/registry/instance-limits.ts';
import { MutableSidecarIndex } from '../../../control-plane/registry/sidecar-index.ts';
import type { SidecarRecord } from '../../../control-plane/registry/sidecar-record.ts';

const WEB = 'spiffe://mesh.local/ns/shop/sa/web';

function record(instanceId: string, allowances: number, spiffeId = WEB): SidecarRecord {
  return {
    instanceId,
    spiffeId,
    addresses: ['10.0.0.2'],
    hbonePort: 15_008,
    ports: [],
    anyPort: false,
    softwareVersion: '',
    allow: Array.from({ length: allowances }, (_, port) => ({
      port: port + 1,
      namespace: 'shop',
      service: 'job',
    })),
  };
}

function viewOf(records: readonly SidecarRecord[]) {
  const sidecars = new MutableSidecarIndex();
  for (const one of records) sidecars.set(one.instanceId, one);
  return { sidecars };
}

test('the sidecars of one identity tell so much of whom they let in, and no more is kept', (t) => {
  const told = Array.from({ length: 20 }, (_, at) => record(`web-${at}`, 1_000));
  const view = viewOf(told);
  t.is(MAX_ALLOWANCES, 20_000);
  t.is(withBoundedAllowances(view, record('web-20', 1)).allow, undefined);
  t.is(withBoundedAllowances(view, record('web-19', 1_000)).allow?.length, 1_000, 'its own again');
  const other = record('api-1', 1_000, 'spiffe://mesh.local/ns/shop/sa/api');
  t.is(withBoundedAllowances(view, other).allow?.length, 1_000, 'another identity has its own');
  const { allow: _, ...silent } = record('web-21', 0);
  t.deepEqual(withBoundedAllowances(view, silent), silent);
});

test('an identity has so many sidecars, and another one its own', (t) => {
  const view = viewOf(Array.from({ length: MAX_INSTANCES }, (_, at) => record(`web-${at}`, 0)));
  t.throws(() => requireRoom(view, record('web-new', 0)), { code: 'too-many-instances' });
  t.notThrows(() => requireRoom(view, record('web-0', 0)));
  const other = record('api-1', 0, 'spiffe://mesh.local/ns/shop/sa/api');
  t.notThrows(() => requireRoom(view, other));
});
