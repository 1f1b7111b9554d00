import test from 'ava';
import fc from 'fast-check';
import {
  type AccessRequest,
  decide,
  decideRequest,
  rulesAt,
} from '../../../common/authorization/decide.ts';
import { formatNamePattern, readNamePattern } from '../../../common/authorization/name-pattern.ts';
import type { Policy, PolicyRule } from '../../../common/authorization/policy.ts';
import { http, pattern, policy, request, rule } from './arbitrary-policies.ts';

type Ask = (of: Policy, asked: AccessRequest) => boolean;
const isAllowed: Ask = (of, asked) => decide(of, asked).allowed;

type Holds = (before: Policy, added: PolicyRule, asked: AccessRequest, isAllowed: Ask) => boolean;

/** Runs a property often enough that rules and requests meet: for connections, and for requests of them. */
function holds(
  title: string,
  [policies, rules, requests, predicate]: readonly [
    typeof policy,
    typeof rule,
    typeof request,
    Holds,
  ],
) {
  test(title, (t) => {
    t.notThrows(() =>
      fc.assert(
        fc.property(policies, rules, requests, http, (before, added, asked, sent) => {
          const isServed: Ask = (of, at) => decideRequest(rulesAt(of, at), sent).allowed;
          return (
            predicate(before, added, asked, isAllowed) && predicate(before, added, asked, isServed)
          );
        }),
        { numRuns: 5_000 },
      ),
    );
  });
}

holds('adding a deny rule never allows more', [
  policy,
  rule,
  request,
  (before, added, asked, may) => {
    const after = { ...before, rules: [...before.rules, { ...added, action: 'deny' as const }] };
    return !may(after, asked) || may(before, asked);
  },
]);

holds('adding a deny rule that is only watching changes no decision', [
  policy,
  rule,
  request,
  (before, added, asked, may) => {
    const watching = { ...added, action: 'deny' as const, audit: true };
    const after = { ...before, rules: [...before.rules, watching] };
    return may(after, asked) === may(before, asked);
  },
]);

holds('watching instead of enforcing never refuses more', [
  policy,
  rule,
  request,
  (others, added, asked, may) => {
    const enforced = { ...others, rules: [...others.rules, { ...added, audit: false }] };
    const watching = { ...others, rules: [...others.rules, { ...added, audit: true }] };
    return !may(enforced, asked) || may(watching, asked);
  },
]);

holds('where nobody comes in by default, adding an allow rule never refuses more', [
  policy,
  rule,
  request,
  (others, added, asked, may) => {
    const before: Policy = { ...others, fallback: 'none' };
    const after = { ...before, rules: [...before.rules, { ...added, action: 'allow' as const }] };
    return !may(before, asked) || may(after, asked);
  },
]);

holds('an allow rule opens nothing to those whom it does not name', [
  policy,
  rule,
  request,
  (before, added, asked, may) => {
    const stranger = { ...asked, source: { ...asked.source, service: 'nobody' } };
    const from = [{ ...exactly('web'), trustDomain: undefined }];
    const after = {
      ...before,
      rules: [...before.rules, { ...added, action: 'allow' as const, from }],
    };
    return !may(after, stranger) || may(before, stranger);
  },
]);

holds('`allow: none` never allows more than `allow: mesh`', [
  policy,
  rule,
  request,
  (any, _added, asked, may) =>
    !may({ ...any, fallback: 'none' }, asked) || may({ ...any, fallback: 'mesh' }, asked),
]);

holds(
  'an allow rule with conditions never allows more than without, and a deny rule never refuses more',
  [
    policy,
    rule,
    request,
    (before, added, asked, may) => {
      const { requests, ...always } = added;
      const some = { ...before, rules: [...before.rules, { ...always, requests }] };
      const all = { ...before, rules: [...before.rules, always] };
      return added.action === 'allow'
        ? !may(some, asked) || may(all, asked)
        : !may(all, asked) || may(some, asked);
    },
  ],
);

test('a connection is refused when all its requests are, and not looked into when all are allowed', (t) => {
  fc.assert(
    fc.property(policy, request, http, (any, asked, sent) => {
      const connection = decide(any, asked);
      const one = decideRequest(rulesAt(any, asked), sent);
      if (!connection.allowed) t.false(one.allowed);
      else if (!connection.perRequest) {
        t.like(one, { allowed: true, audited: connection.audited, perRequest: false });
      }
    }),
    { numRuns: 10_000 },
  );
});

test('what cannot be known is never allowed where some request would not be', (t) => {
  fc.assert(
    fc.property(policy, request, http, (any, asked, sent) => {
      if (sent === undefined) return;
      const { allowed } = decideRequest(rulesAt(any, asked), sent);
      const { method } = sent;
      t.true(allowed || !decideRequest(rulesAt(any, asked), undefined).allowed);
      t.true(allowed || !decideRequest(rulesAt(any, asked), { method, path: undefined }).allowed);
    }),
    { numRuns: 10_000 },
  );
});

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
