import test from 'ava';
import {
  addressesAmong,
  FollowedAddresses,
  MAX_FOLLOWED,
} from '../../../../proxy/discovery/interest/followed-addresses.ts';
import { Interest } from '../../../../proxy/discovery/interest/interest.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';

const address = (at: number): string => `10.0.${at >> 8}.${at & 255}`;
const followed = (interest: Interest): string[] => addressesAmong(interest.get('addresses'));

test('addresses of the last run are followed, and new ones are asked about', (t) => {
  const interest = new Interest();
  using addresses = new FollowedAddresses(interest, createManualClock(), ['192.0.2.1']);
  addresses.follow('192.0.2.2');
  addresses.follow('192.0.2.2');
  t.deepEqual(followed(interest), ['192.0.2.1', '192.0.2.2']);
});

test('an application that calls address after address waits, and each gets its turn', async (t) => {
  const clock = createManualClock();
  const interest = new Interest();
  using addresses = new FollowedAddresses(interest, clock, []);
  for (let at = 0; at < 1_500; at += 1) addresses.follow(address(at));
  t.is(followed(interest).length, 1_024);
  await clock.advance(2_000);
  t.is(followed(interest).length, 1_124);
  await clock.advance(60_000);
  t.is(followed(interest).length, 1_500);
  t.is(clock.pending.length, 0);
});

test('those that were called longest ago are given up', async (t) => {
  const clock = createManualClock();
  const interest = new Interest();
  const known = Array.from({ length: MAX_FOLLOWED }, (_, at) => address(at));
  using addresses = new FollowedAddresses(interest, clock, known);
  addresses.follow(address(0));
  addresses.follow('192.0.2.1');
  const left = followed(interest);
  t.true(left.length < MAX_FOLLOWED);
  t.true(left.includes(address(0)), 'it was just called');
  t.true(left.includes('192.0.2.1'));
  t.false(left.includes(address(1)));
});
