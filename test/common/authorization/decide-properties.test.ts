import test from 'ava';
import fc from 'fast-check';
import { type AccessRequest, decide } from '../../../common/authorization/decide.ts';
import { formatNamePattern, readNamePattern } from '../../../common/authorization/name-pattern.ts';
import type { Policy, PolicyRule } from '../../../common/authorization/policy.ts';
import { pattern, policy, request, rule } from './arbitrary-policies.ts';

const isAllowed = (of: Policy, asked: AccessRequest): boolean => decide(of, asked).allowed;

/** Runs a property often enough that rules and requests meet. */
function holds(
  title: string,
  arbitraries: Parameters<typeof fc.property<[Policy, PolicyRule, AccessRequest]>>,
) {
  test(title, (t) => {
    t.notThrows(() => fc.assert(fc.property(...arbitraries), { numRuns: 5_000 }));
  });
}

holds('adding a deny rule never allows more', [
  policy,
  rule,
  request,
  (before, added, asked) => {
    const after = { ...before, rules: [...before.rules, { ...added, action: 'deny' as const }] };
    return !isAllowed(after, asked) || isAllowed(before, asked);
  },
]);

holds('adding a deny rule that is only watching changes no decision', [
  policy,
  rule,
  request,
  (before, added, asked) => {
    const watching = { ...added, action: 'deny' as const, audit: true };
    const after = { ...before, rules: [...before.rules, watching] };
    return isAllowed(after, asked) === isAllowed(before, asked);
  },
]);

holds('watching instead of enforcing never refuses more', [
  policy,
  rule,
  request,
  (others, added, asked) => {
    const enforced = { ...others, rules: [...others.rules, { ...added, audit: false }] };
    const watching = { ...others, rules: [...others.rules, { ...added, audit: true }] };
    return !isAllowed(enforced, asked) || isAllowed(watching, asked);
  },
]);

holds('where nobody comes in by default, adding an allow rule never refuses more', [
  policy,
  rule,
  request,
  (others, added, asked) => {
    const before: Policy = { ...others, fallback: 'none' };
    const after = { ...before, rules: [...before.rules, { ...added, action: 'allow' as const }] };
    return !isAllowed(before, asked) || isAllowed(after, asked);
  },
]);

holds('an allow rule opens nothing to those whom it does not name', [
  policy,
  rule,
  request,
  (before, added, asked) => {
    const stranger = { ...asked, source: { ...asked.source, service: 'nobody' } };
    const from = [{ ...exactly('web'), trustDomain: undefined }];
    const after = {
      ...before,
      rules: [...before.rules, { ...added, action: 'allow' as const, from }],
    };
    return !isAllowed(after, stranger) || isAllowed(before, stranger);
  },
]);

holds('`allow: none` never allows more than `allow: mesh`', [
  policy,
  rule,
  request,
  (any, _added, asked) =>
    !isAllowed({ ...any, fallback: 'none' }, asked) ||
    isAllowed({ ...any, fallback: 'mesh' }, asked),
]);

test('the order of the rules does not matter', (t) => {
  const shuffled = policy.chain((one) =>
    fc.tuple(
      fc.constant(one),
      fc.shuffledSubarray([...one.rules], { minLength: one.rules.length }),
    ),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(shuffled, request, ([one, rules], asked) => {
        const [a, b] = [decide(one, asked), decide({ ...one, rules }, asked)];
        if (!a.allowed || !b.allowed) return a.allowed === b.allowed && reasonOf(a) === reasonOf(b);
        return a.audited.toSorted().join() === b.audited.toSorted().join();
      }),
      { numRuns: 5_000 },
    ),
  );
});

test('neither an identity of the mesh nor an unnamed trust domain ever comes in', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(policy, request, (any, asked) => {
        const { source } = asked;
        if (source.namespace === 'hauberk') return !isAllowed(any, asked);
        if (source.trustDomain === 'mesh.local') return true;
        const isNamed = any.rules.some(({ from }) =>
          from.some((one) => one.kind === 'named' && one.trustDomain === source.trustDomain),
        );
        return isNamed || !isAllowed(any, asked);
      }),
      { numRuns: 5_000 },
    ),
  );
});

test('a pattern that is written and read again means the same', (t) => {
  fc.assert(
    fc.property(pattern, (one) => {
      const reading = readNamePattern(formatNamePattern(one));
      t.deepEqual(reading, { kind: 'pattern', pattern: one });
    }),
  );
});

function exactly(service: string) {
  return {
    kind: 'named' as const,
    namespace: { text: '', open: true },
    service: { text: service, open: false },
  };
}

function reasonOf(decision: ReturnType<typeof decide>): string {
  return decision.allowed ? 'allowed' : decision.reason;
}
