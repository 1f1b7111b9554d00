import test from 'ava';
import {
  mayDialBack,
  type DialBackQuestion,
} from '../../../../control-plane/registry/addresses/may-dial.ts';

const OWN = [{ address: '172.18.0.2', prefix: 16 }];

const may = (address: string, more: Partial<DialBackQuestion> = {}): boolean =>
  mayDialBack({
    address,
    seen: '198.51.100.1',
    rules: { allowed: [], dialBack: [] },
    own: OWN,
    ...more,
  });

test('the control plane dials where the claimant comes from, and in its own networks', (t) => {
  t.true(may('198.51.100.1'));
  t.true(may('172.18.9.9'));
  t.false(may('172.19.0.2'));
  t.false(may('198.51.100.2'));
});

test('the operator adds networks, or ends it', (t) => {
  const rules = { allowed: [], dialBack: [{ address: '10.0.0.0', prefix: 8 }] };
  t.true(may('10.7.7.7', { rules }));
  t.false(may('11.7.7.7', { rules }));
  t.false(may('198.51.100.1', { rules: { allowed: [], dialBack: 'off' } }));
});

for (const address of ['127.0.0.1', '::1', '169.254.169.254', 'fe80::1', '224.0.0.1', '0.0.0.0']) {
  test(`${address} is never dialled, whatever is in the same network`, (t) => {
    const own = [
      { address: '0.0.0.0', prefix: 0 },
      { address: '::', prefix: 0 },
    ];
    t.false(may(address, { own, seen: address }));
  });
}
