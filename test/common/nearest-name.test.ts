import test from 'ava';
import { didYouMean, nearestNames } from '../../common/nearest-name.ts';

const KNOWN = ['shop/web', 'shop/api', 'shop/wax', 'billing/web'];

test('a letter or two more, fewer, or others are near, the nearest first', (t) => {
  t.deepEqual(nearestNames('shop/wbe', KNOWN), ['shop/wax', 'shop/web']);
  t.deepEqual(nearestNames('shop/webb', KNOWN), ['shop/web']);
  t.deepEqual(nearestNames('shp/api', KNOWN), ['shop/api']);
  t.is(didYouMean('shp/api', KNOWN), 'did you mean shop/api?');
  t.is(didYouMean('shop/wbe', KNOWN), 'did you mean shop/wax or shop/web?');
});

test('what differs in more is another name', (t) => {
  t.deepEqual(nearestNames('shop/worker', KNOWN), []);
  t.deepEqual(nearestNames('ab', ['cd', 'a']), ['a'], 'one letter is near in the shortest name');
  t.deepEqual(nearestNames('', KNOWN), []);
  t.is(didYouMean('shop/worker', KNOWN), undefined);
});

test('no more than three are offered', (t) => {
  t.deepEqual(nearestNames('web0', ['web4', 'web1', 'web3', 'web2']), ['web1', 'web2', 'web3']);
});
