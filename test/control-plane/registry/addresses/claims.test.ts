/** Who is believed to be at an address: what is proven, and of those the first at each port. */
import test from 'ava';
import fc from 'fast-check';
import {
  judgeClaims,
  type AddressClaim,
  type Proof,
} from '../../../../control-plane/registry/addresses/claims.ts';

const SEEN: Proof = { ground: 'seen' };
const dialled = (dial: number): Proof => ({ ground: 'dialled', dial });

function claim(id: string, more: Partial<AddressClaim> = {}): AddressClaim {
  return {
    id,
    spiffeId: `spiffe://mesh.local/ns/shop/sa/${id}`,
    hbonePort: 15_008,
    ports: [80],
    anyPort: false,
    turn: 1,
    proof: SEEN,
    ...more,
  };
}

/** `proven`, `unproven`, or at which ports somebody else was first. */
function verdict(id: string, ...claims: AddressClaim[]): string {
  const found = judgeClaims(claims).get(id);
  if (found?.kind !== 'proven') return 'unproven';
  const contests = found.contests.map(
    ({ holder, ports }) => `${holder.split('/').at(-1) ?? ''} has ${ports.join() || 'all'}`,
  );
  return contests.join(', ') || 'proven';
}

test('a claim counts with a proof, and not without', (t) => {
  for (const proof of [SEEN, { ground: 'allowed' }, dialled(1)] as const) {
    t.is(verdict('api', claim('api', { proof })), 'proven', proof.ground);
  }
  t.is(verdict('api', claim('api', { proof: undefined })), 'unproven');
});

test('who is proven beats who is not, even if that one was earlier', (t) => {
  const evil = claim('evil', { turn: 1, proof: undefined });
  const api = claim('api', { turn: 2 });
  t.is(verdict('api', evil, api), 'proven');
  t.is(verdict('evil', evil, api), 'unproven');
});

test('the first keeps a port, and others have theirs', (t) => {
  const api = claim('api', { turn: 1, ports: [80, 81] });
  const web = claim('web', { turn: 2, ports: [81, 82], hbonePort: 15_009 });
  t.is(verdict('api', web, api), 'proven');
  t.is(verdict('web', web, api), 'api has 81');
  const every = claim('every', { turn: 3, ports: [], anyPort: true, hbonePort: 15_010 });
  t.is(verdict('every', web, every, api), 'api has 80,81, web has 82');
  const late = claim('late', { turn: 4, ports: [99], hbonePort: 15_011 });
  t.is(verdict('late', web, every, late, api), 'every has 99');
  const other = claim('other', { turn: 5, anyPort: true, hbonePort: 15_012 });
  t.is(verdict('other', web, other, every, api), 'every has all');
});

test('instances of one identity do not contest each other', (t) => {
  const { spiffeId } = claim('api');
  const again = claim('again', { spiffeId, turn: 2, hbonePort: 15_009 });
  t.is(verdict('again', claim('api'), again), 'proven');
});

test('where two claim one socket, whoever was found there last is there', (t) => {
  const left = claim('left', { turn: 1, anyPort: true });
  const came = claim('came', { turn: 2, anyPort: true });
  t.is(verdict('came', left, came), 'left has all', 'nobody has looked');
  const found = { ...came, proof: dialled(7) };
  t.is(verdict('came', left, found), 'proven');
  t.is(verdict('left', left, found), 'unproven');
  const back = { ...left, proof: dialled(8) };
  t.is(verdict('left', back, found), 'proven');
  t.is(verdict('came', back, found), 'unproven');
  const elsewhere = { ...found, hbonePort: 15_009 };
  t.is(verdict('came', left, elsewhere), 'left has all', 'another socket says nothing of this one');
});

const anyClaim = (at: number): fc.Arbitrary<AddressClaim> =>
  fc.record({
    id: fc.constant(`claim-${at}`),
    spiffeId: fc.constantFrom('spiffe://a', 'spiffe://b', 'spiffe://c'),
    hbonePort: fc.constantFrom(1, 2),
    ports: fc.uniqueArray(fc.constantFrom(80, 81, 82), { minLength: 1 }),
    anyPort: fc.boolean(),
    turn: fc.option(fc.nat(5), { nil: undefined }),
    proof: fc.option(
      fc.oneof(
        fc.constant(SEEN),
        fc.constant<Proof>({ ground: 'allowed' }),
        fc.integer({ min: 1, max: 9 }).map(dialled),
      ),
      { nil: undefined },
    ),
  });

const someClaims = fc
  .integer({ min: 1, max: 5 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, at) => anyClaim(at))));

/** The identities that a caller of the port would be led to. */
function holdersOf(port: number, claims: readonly AddressClaim[]): Set<string> {
  const verdicts = judgeClaims(claims);
  return new Set(
    claims
      .filter(({ id, ports, anyPort }) => {
        const found = verdicts.get(id);
        if (found?.kind !== 'proven' || !(anyPort || ports.includes(port))) return false;
        return !found.contests.some((one) => one.ports.length === 0 || one.ports.includes(port));
      })
      .map(({ spiffeId }) => spiffeId),
  );
}

test('each port has one identity at most, who has proven it; the order of claims means nothing', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(someClaims, fc.constantFrom(80, 81, 82, 83), (claims, port) => {
        const holders = holdersOf(port, claims);
        const [holder] = holders;
        const proven = claims.filter(({ proof }) => proof !== undefined);
        const one = proven.find(
          (own) => own.spiffeId === holder && (own.anyPort || own.ports.includes(port)),
        );
        return (
          holders.size <= 1 &&
          (holder === undefined || one !== undefined) &&
          holdersOf(port, claims.toReversed()).symmetricDifference(holders).size === 0
        );
      }),
    ),
  );
});

test('no claim without a proof changes anything for the others', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(someClaims, anyClaim(99), fc.constantFrom(80, 81), (claims, extra, port) => {
        const more = [...claims, { ...extra, proof: undefined }];
        return holdersOf(port, more).symmetricDifference(holdersOf(port, claims)).size === 0;
      }),
    ),
  );
});

test('a later proof takes no port from who was found at another socket', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(someClaims, anyClaim(99), fc.constantFrom(80, 81), (claims, extra, port) => {
        const late = { ...extra, turn: undefined, id: 'z', hbonePort: 3 };
        const before = holdersOf(port, claims);
        return before.size === 0 || before.isSubsetOf(holdersOf(port, [...claims, late]));
      }),
    ),
  );
});
