import test from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { logOwnConflicts } from '../../../proxy/discovery/own-conflicts.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const id = (service: string) => spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service });

function endpoint(
  service: string,
  contests: Endpoint['contests'] = [],
  address = '10.0.0.1',
): Endpoint {
  return {
    instanceId: `${service}-1`,
    spiffeId: id(service),
    addresses: [address],
    proven: [address],
    contests,
    hbonePort: 15_008,
    ports: [80],
    anyPort: false,
  };
}

/** What the sidecar of a service logs about a view. */
function said(self: string, ...endpoints: Endpoint[]): readonly string[] {
  const view = createMeshView();
  const { logger, of } = createLogRecorder();
  const clock = createManualClock();
  logOwnConflicts({ view, self: id(self), instanceId: `${self}-1`, clock, logger });
  view.apply({ kind: 'snapshot', version: 1, endpoints });
  view.apply({ kind: 'snapshot', version: 2, endpoints });
  return of('address-conflict').map(({ msg }) => msg);
}

const byApi = { address: '10.0.0.1', holder: id('api').uri, ports: [80] };

test('both sides of a conflict say so, once, and nobody else does', (t) => {
  const mesh = [endpoint('api'), endpoint('web', [byApi]), endpoint('db', [], '10.0.0.2')];
  t.deepEqual(said('api', ...mesh), [
    'spiffe://mesh.local/ns/shop/sa/web claims port 80 of 10.0.0.1, which this service claimed first and holds',
  ]);
  t.deepEqual(said('web', ...mesh), [
    'spiffe://mesh.local/ns/shop/sa/api holds port 80 of 10.0.0.1, which it claimed first: connections to it do not reach this service',
  ]);
  t.deepEqual(said('db', ...mesh), []);
});

test('an instance that is elsewhere has no conflict', (t) => {
  const elsewhere = endpoint('api', [], '10.0.0.9');
  t.deepEqual(said('api', elsewhere, endpoint('web', [byApi])), []);
});

test('a conflict that comes again is said again, and not without end', (t) => {
  const view = createMeshView();
  const { logger, of } = createLogRecorder();
  const clock = createManualClock();
  logOwnConflicts({ view, self: id('web'), instanceId: 'web-1', clock, logger });
  for (let version = 1; version <= 100; version += 1) {
    const contests = version % 2 === 0 ? [] : [byApi];
    view.apply({ kind: 'snapshot', version, endpoints: [endpoint('web', contests)] });
  }
  t.is(of('address-conflict').length, 20);
});
