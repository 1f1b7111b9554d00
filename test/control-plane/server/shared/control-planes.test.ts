/** Control planes on one store tell of each other in their logs, which the dashboard shows as events. */
import test from 'ava';
import { eventually } from '../../../helpers/deadline.ts';
import { openSharedStore, startControlPlaneUnderTest } from '../../control-plane-under-test.ts';

test('one that comes, and one that goes, is told of by those that are there', async (t) => {
  const shared = await openSharedStore(t);
  const { log } = shared;
  await startControlPlaneUnderTest(t, { shared });
  const two = await startControlPlaneUnderTest(t, { shared });
  const came = await eventually('it is seen', () => log.of('control-plane-came')[0]);
  t.is(log.of('control-plane-came').length, 1, 'the one that was there is no news');
  t.deepEqual(log.of('control-plane-gone'), []);
  await two.controlPlane[Symbol.asyncDispose]();
  const gone = await eventually('it is missed', () => log.of('control-plane-gone')[0]);
  t.is(gone['controlPlaneId'], came['controlPlaneId']);
});
