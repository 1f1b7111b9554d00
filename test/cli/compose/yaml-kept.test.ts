// Whatever inject has no business with comes out as it went in.
import test from 'ava';
import { parse } from 'yaml';
import { injected, servicesOf } from './compose-projects.ts';

test('values that readers of YAML disagree about are written as they were', (t) => {
  const values = [
    '0440',
    '1.50',
    '22:22',
    'yes',
    'off',
    '0x1F',
    '1e3',
    '~',
    '"08"',
    "'on'",
    '1_000',
  ];
  for (const value of values) {
    const output = injected(`services:\n  web:\n    image: web\n    x-value: ${value}\n`);
    t.true(output.includes(`    x-value: ${value}\n`), value);
  }
});

test('comments stay beside what they are about', (t) => {
  const output = injected(
    '# project\nservices:\n  # the web\n  web:\n    image: web # pinned\n    ports:\n      - "80:80" # http\n\n# end\n',
  );
  for (const comment of [
    '# project\n',
    '  # the web\n  web:',
    'image: web # pinned',
    '"80:80" # http',
  ]) {
    t.true(output.includes(comment), comment);
  }
});

test('anchors that nothing had to be taken from are still shared', (t) => {
  const output = injected(
    'x-a: &a {restart: always}\nservices:\n  web: {image: web, <<: *a}\n  api:\n    <<: *a\n    image: api\n',
  );
  t.is(output.match(/<<: \*a/g)?.length, 2);
});

test('an alias of something that moved keeps what it was', (t) => {
  const output = injected(
    'services:\n  web:\n    image: web\n    networks: &nets [back]\n    depends_on: &deps [api]\n  api:\n    image: api\n    x-hauberk: {inject: false}\n    networks: *nets\nnetworks: {back: {}}\nx-deps: *deps\n',
  );
  t.deepEqual(servicesOf(output)['api']?.['networks'], ['back']);
  t.deepEqual((parse(output) as Record<string, unknown>)['x-deps'], ['api']);
});

test('a service that merges a meshed one gets nothing of its pod', (t) => {
  const output = injected(
    'services:\n  web: &web\n    image: web\n    hostname: w\n    environment: {A: b}\n  batch:\n    <<: *web\n    network_mode: none\n    x-hauberk: {inject: false}\n',
  );
  t.deepEqual(servicesOf(output)['batch'], {
    image: 'web',
    hostname: 'w',
    environment: { A: 'b' },
    network_mode: 'none',
    'x-hauberk': { inject: false },
  });
});

test('variables are left to Compose', (t) => {
  const output = injected('services:\n  web:\n    image: ${A:-b}\n    command: echo $$HOME\n');
  t.true(output.includes('image: ${A:-b}\n'));
  t.true(output.includes('command: echo $$HOME\n'));
});
