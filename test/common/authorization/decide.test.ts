/**
 * The decision as a table: a document, who calls, at which door, and what is decided. Each cell is a
 * case of its own, written by hand.
 *
 *     A  allowed                          R  denied-rule
 *     w  allowed, a rule is watching      C  denied-caller
 *     S  denied-system-identity           D  denied-default
 *     T  denied-trust-domain
 */
import test from 'ava';
import { decide, type Identity, policyFor } from '../../../common/authorization/decide.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { TABLE } from './decision-table.ts';

const CALLERS: Readonly<Record<string, Identity>> = {
  'web.shop': { trustDomain: 'mesh.local', namespace: 'shop', service: 'web' },
  'job-1.shop': { trustDomain: 'mesh.local', namespace: 'shop', service: 'job-1' },
  'web.bill': { trustDomain: 'mesh.local', namespace: 'bill', service: 'web' },
  'web.shop of partner': { trustDomain: 'partner.example', namespace: 'shop', service: 'web' },
  'gw.edge of partner': { trustDomain: 'partner.example', namespace: 'edge', service: 'gw' },
  operator: { trustDomain: 'mesh.local', namespace: 'hauberk', service: 'admin' },
};

const DOORS = [
  { namespace: 'shop', service: 'api', port: 8080 },
  { namespace: 'shop', service: 'api', port: 9090 },
  { namespace: 'shop', service: 'db', port: 5432 },
  { namespace: 'bill', service: 'pay-eu', port: 443 },
] as const;

const LETTERS = {
  S: 'denied-system-identity',
  R: 'denied-rule',
  T: 'denied-trust-domain',
  C: 'denied-caller',
  D: 'denied-default',
} as const;

let cases = 0;
for (const { name, document, outcomes } of TABLE) {
  const policy = readMeshConfig(document, 'mesh.yaml').authorization;
  const rows = Object.entries(outcomes);
  for (const [caller, row] of rows) {
    for (const [column, letter] of row.split(' ').entries()) {
      const door = DOORS[column];
      const source = CALLERS[caller];
      if (door === undefined || source === undefined) throw new Error(`${name}: ${caller} ${row}`);
      cases += 1;
      const { port, ...place } = door;
      const destination = { trustDomain: 'mesh.local', ...place };
      test(`${name}: ${caller} at ${door.service}.${door.namespace}:${port} is ${letter}`, (t) => {
        const decision = decide(policy, { source, destination, port });
        if (letter === 'A' || letter === 'w') {
          t.true(decision.allowed, JSON.stringify(decision));
          t.is(decision.allowed && decision.audited.length > 0, letter === 'w');
        } else {
          t.like(decision, { allowed: false, reason: LETTERS[letter as keyof typeof LETTERS] });
        }
        const here = policyFor(policy, destination);
        t.deepEqual(decide(here, { source, destination, port }), decision, 'its own part suffices');
      });
    }
  }
}

test('the table has its two hundred cases', (t) => {
  t.true(cases >= 200, `${cases}`);
});
