/** Who sees what of a tap: each event once, by the side that the filter names. */
import test from 'ava';
import { fitsTap, isConcerned, TAP_ALL } from '../../../../common/wire/traffic/tap-filter.ts';
import type { TapEvent, TapFilter } from '../../../../proto/gen/hauberk/v1/traffic.ts';
import { API, tapEvent, WEB } from '../../../helpers/edge-traffic.ts';

const trustDomain = 'mesh.local';
const web = { trustDomain, namespace: 'shop', service: 'web' };
const api = { trustDomain, namespace: 'shop', service: 'api' };
const db = { namespace: 'shop', service: 'db' };
const seenByWeb = tapEvent();
const seenByApi = tapEvent({ inbound: true, peer: WEB });

const CASES: readonly [string, Partial<TapFilter>, readonly [boolean, boolean]][] = [
  ['nothing asked for', {}, [true, true]],
  ['from web', { from: web }, [true, false]],
  ['to api', { to: api }, [false, true]],
  ['from web to api', { from: web, to: api }, [true, false]],
  ['from web to db', { from: web, to: db }, [false, false]],
  ['from api', { from: api }, [false, false]],
];

for (const [name, asked, [byWeb, byApi]] of CASES) {
  test(`${name}: who tells of a request of web to api`, (t) => {
    const filter = { ...TAP_ALL, ...asked };
    t.is(fitsTap(filter, web, seenByWeb), byWeb);
    t.is(fitsTap(filter, api, seenByApi), byApi);
    if (byWeb) t.true(isConcerned(filter, web));
    if (byApi) t.true(isConcerned(filter, api));
  });
}

test('a service of the same name in another namespace is another', (t) => {
  t.false(isConcerned({ ...TAP_ALL, from: web }, { namespace: 'bank', service: 'web' }));
  const elsewhere = tapEvent({ peer: 'spiffe://mesh.local/ns/bank/sa/api' });
  t.false(fitsTap({ ...TAP_ALL, from: web, to: api }, web, elsewhere));
});

test('a service of the same name in another trust domain is another', (t) => {
  const partner = tapEvent({ peer: 'spiffe://partner.example/ns/shop/sa/api' });
  t.false(fitsTap({ ...TAP_ALL, from: web, to: api }, web, partner));
  t.true(fitsTap({ ...TAP_ALL, from: web }, web, partner), 'but it is called by web');
});

const fits = (filter: Partial<TapFilter>, event: Partial<TapEvent> = {}): boolean =>
  fitsTap({ ...TAP_ALL, ...filter }, web, tapEvent(event));

test('port, path, peer and method are conditions, all of which are met', (t) => {
  t.true(fits({ port: 8080, pathPrefix: '/x', peer: API, method: 'GET' }));
  t.false(fits({ port: 8081 }));
  t.false(fits({ pathPrefix: '/y' }));
  t.false(fits({ peer: WEB }));
  t.false(fits({ method: 'POST' }));
  t.false(fits({ pathPrefix: '/x' }, { kind: 'closed', path: '' }), 'a connection has no path');
});

test('a status is a code, a class, a reason, or failed', (t) => {
  const lost = { httpStatus: 503, status: '5xx' };
  t.true(fits({ status: ['503'] }, lost));
  t.true(fits({ status: ['404', '5xx'] }, lost));
  t.true(fits({ status: ['failed'] }, lost));
  t.false(fits({ status: ['failed'] }));
  t.false(fits({ status: ['failed'] }, { status: '4xx', httpStatus: 404 }));
  t.true(fits({ status: ['failed'] }, { kind: 'failed', status: 'timeout' }));
  t.true(fits({ status: ['unavailable'] }, { protocol: 'grpc', status: 'UNAVAILABLE' }));
  t.true(fits({ status: ['failed'] }, { protocol: 'grpc', status: 'UNAVAILABLE' }));
  t.false(fits({ status: ['failed'] }, { protocol: 'grpc', status: 'OK' }));
  t.false(fits({ status: ['failed'] }, { kind: 'closed', status: 'complete' }));
  t.false(fits({ status: ['failed'] }, { kind: 'opened', status: '' }));
});
