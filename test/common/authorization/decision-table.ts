/** One document and what it decides. */
export interface DecisionTable {
  readonly name: string;
  readonly document: string;
  /** By caller: at api.shop:8080, api.shop:9090, db.shop:5432, pay-eu.bill:443. */
  readonly outcomes: Readonly<Record<string, string>>;
}

const rules = (allow: 'mesh' | 'none', ...lines: string[]): string =>
  `authorization:\n  allow: ${allow}\n  rules:\n${lines.map((line) => `    - ${line}\n`).join('')}`;

/** The cases of decide.test.ts. */
export const TABLE: readonly DecisionTable[] = [
  {
    name: 'no document',
    document: '',
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'A A A A',
      'web.bill': 'A A A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'nobody by default',
    document: 'authorization: {allow: none}',
    outcomes: {
      'web.shop': 'D D D D',
      'job-1.shop': 'D D D D',
      'web.bill': 'D D D D',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'one allow rule with a port, the mesh by default',
    document: rules(
      'mesh',
      '{name: a, action: allow, from: [web.shop], to: [api.shop], ports: [8080]}',
    ),
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'C A A A',
      'web.bill': 'C A A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'one allow rule with a port, nobody by default',
    document: rules(
      'none',
      '{name: a, action: allow, from: [web.shop], to: [api.shop], ports: [8080]}',
    ),
    outcomes: {
      'web.shop': 'A D D D',
      'job-1.shop': 'C D D D',
      'web.bill': 'C D D D',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'everybody may come to one service',
    document: rules('none', "{name: a, action: allow, from: ['*'], to: [api.shop]}"),
    outcomes: {
      'web.shop': 'A A D D',
      'job-1.shop': 'A A D D',
      'web.bill': 'A A D D',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'wildcards in services',
    document: rules(
      'none',
      "{name: a, action: allow, from: ['job-*.shop'], to: ['*.shop', 'pay-*.bill']}",
    ),
    outcomes: {
      'web.shop': 'C C C C',
      'job-1.shop': 'A A A A',
      'web.bill': 'C C C C',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'wildcards in namespaces',
    document: rules('mesh', "{name: a, action: allow, from: ['web.*'], to: ['*.sh*']}"),
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'C C C A',
      'web.bill': 'A A A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'deny beats allow',
    document: rules(
      'mesh',
      "{name: a, action: allow, from: ['*.shop'], to: [api.shop]}",
      '{name: d, action: deny, from: [job-1.shop], to: [api.shop], ports: [9090]}',
    ),
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'A R A A',
      'web.bill': 'C C A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'a closed door is closed to everybody, from wherever',
    document: rules(
      'mesh',
      "{name: d, action: deny, from: ['*'], to: [db.shop]}",
      '{name: p, action: allow, from: [spiffe://partner.example/ns/shop/sa/web], to: [db.shop]}',
    ),
    outcomes: {
      'web.shop': 'A A R A',
      'job-1.shop': 'A A R A',
      'web.bill': 'A A R A',
      'web.shop of partner': 'T T R T',
      'gw.edge of partner': 'T T R T',
      operator: 'S S S S',
    },
  },
  {
    name: 'a partner by its full name, beside the mesh',
    document: rules(
      'mesh',
      "{name: p, action: allow, from: ['*', spiffe://partner.example/ns/edge/sa/gw], to: [api.shop], ports: [8080]}",
    ),
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'A A A A',
      'web.bill': 'A A A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'A T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'all of a partner, with a wildcard in its namespaces',
    document: rules(
      'none',
      "{name: p, action: allow, from: ['spiffe://partner.example/ns/*/sa/*'], to: [api.shop]}",
      '{name: d, action: deny, from: [spiffe://partner.example/ns/shop/sa/web], to: [api.shop], ports: [9090]}',
    ),
    outcomes: {
      'web.shop': 'C C D D',
      'job-1.shop': 'C C D D',
      'web.bill': 'C C D D',
      'web.shop of partner': 'A R T T',
      'gw.edge of partner': 'A A T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'a name without a trust domain means nobody of another one',
    document: rules(
      'mesh',
      '{name: a, action: allow, from: [web.shop], to: [api.shop]}',
      "{name: d, action: deny, from: ['*.edge'], to: ['*']}",
    ),
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'C C A A',
      'web.bill': 'C C A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'a deny rule that is only watching',
    document: rules(
      'mesh',
      "{name: d, action: deny, from: ['*.shop'], to: [api.shop], ports: [8080], audit: true}",
    ),
    outcomes: {
      'web.shop': 'w A A A',
      'job-1.shop': 'w A A A',
      'web.bill': 'A A A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'an allow rule that is only watching closes nothing',
    document: rules(
      'mesh',
      '{name: a, action: allow, from: [web.shop], to: [api.shop], audit: true}',
    ),
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'w w A A',
      'web.bill': 'w w A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'an allow rule that is only watching opens what it names, and nothing else',
    document: rules(
      'none',
      '{name: a, action: allow, from: [web.shop], to: [api.shop], audit: true}',
    ),
    outcomes: {
      'web.shop': 'A A D D',
      'job-1.shop': 'D D D D',
      'web.bill': 'D D D D',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'a watching rule beside one in force',
    document: rules(
      'mesh',
      '{name: a, action: allow, from: [web.shop], to: [api.shop]}',
      "{name: d, action: deny, from: ['*'], to: [api.shop], audit: true}",
      '{name: r, action: deny, from: [web.bill], to: [pay-eu.bill]}',
    ),
    outcomes: {
      'web.shop': 'w w A A',
      'job-1.shop': 'C C A A',
      'web.bill': 'C C A R',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
  {
    name: 'no rule opens a door to the identities of the mesh itself',
    document: rules(
      'mesh',
      "{name: a, action: allow, from: ['*', '*.*', 'admin.hau*'], to: ['*']}",
    ),
    outcomes: {
      'web.shop': 'A A A A',
      'job-1.shop': 'A A A A',
      'web.bill': 'A A A A',
      'web.shop of partner': 'T T T T',
      'gw.edge of partner': 'T T T T',
      operator: 'S S S S',
    },
  },
];
