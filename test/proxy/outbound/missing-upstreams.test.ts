import test from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { watchMissingUpstreams } from '../../../proxy/outbound/missing-upstreams.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';

function endpoint(service: string, ports: readonly number[]): Endpoint {
  return {
    instanceId: `${service}-1`,
    spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service }),
    addresses: ['10.0.0.1'],
    proven: [],
    contests: [],
    hbonePort: 15_008,
    ports,
    anyPort: false,
  };
}

const upstream = (service: string, port: number) => ({
  target: { namespace: 'shop', service, port },
});

test('an upstream that nobody serves is said once, with the nearest name, and said when it is found', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('api', [8080])] });
  const { logger, lines } = createLogRecorder();
  const upstreams = [upstream('api', 8080), upstream('apu', 8080), upstream('db', 5432)];
  const missing = watchMissingUpstreams({
    upstreams: [...upstreams, upstream('db', 5432)],
    view,
    logger,
  });
  t.deepEqual(missing.list(), ['apu.shop:8080', 'db.shop:5432']);
  t.deepEqual(
    lines.map(({ event, service }) => `${String(event)} ${String(service)}`),
    ['upstream-missing apu', 'upstream-missing db'],
  );
  t.regex(
    String(lines[0]?.['msg']),
    /no sidecar exposes apu\.shop:8080 .*did you mean api\.shop\?/,
  );
  t.notRegex(String(lines[1]?.['msg']), /did you mean/);

  // It is there, but does not expose the port.
  view.apply({ kind: 'delta', version: 2, upserted: [endpoint('db', [80])], removed: [] });
  t.is(lines.length, 2);
  view.apply({ kind: 'delta', version: 3, upserted: [endpoint('db', [5432])], removed: [] });
  t.is(lines[2]?.['event'], 'upstream-found');
  t.deepEqual(missing.list(), ['apu.shop:8080']);

  // One that was there and left is another matter: the log of failures names it.
  view.apply({ kind: 'delta', version: 4, upserted: [], removed: ['db-1', 'api-1'] });
  t.deepEqual(missing.list(), ['apu.shop:8080']);
  t.is(lines.length, 3);
  void missing.close();
  view.apply({ kind: 'delta', version: 5, upserted: [endpoint('apu', [8080])], removed: [] });
  t.is(lines.length, 3);
});

test('an upstream with a wrong port names the ports of its service, not the name that is right', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('api', [9090, 8080])] });
  const { logger, lines } = createLogRecorder();
  const missing = watchMissingUpstreams({ upstreams: [upstream('api', 8081)], view, logger });
  t.regex(String(lines[0]?.['msg']), /api\.shop:8081 yet, .*; api\.shop exposes 8080, 9090$/);
  t.notRegex(String(lines[0]?.['msg']), /did you mean/);
  void missing.close();
});
