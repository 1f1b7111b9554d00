// Projects that nobody thought of: inject either says what is wrong, or writes a file that it would
// not change again and in which every application is what it was.
import fc from 'fast-check';
import test from 'ava';
import { stringify } from 'yaml';
import { injectText, injected, servicesOf } from './compose-projects.ts';

const name = fc.constantFrom('web', 'api', 'db', 'queue', 'cache');
const network = fc.constantFrom('front', 'back', 'lan');
const condition = fc.constantFrom('service_started', 'service_healthy');
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 1 });

const service = fc.record(
  {
    image: fc.string({ minLength: 1 }),
    environment: maybe(fc.dictionary(fc.string({ minLength: 1 }), fc.string())),
    command: maybe(fc.array(fc.string())),
    ports: maybe(fc.uniqueArray(fc.integer({ min: 1, max: 9999 }).map(String), { maxLength: 3 })),
    networks: maybe(
      fc.oneof(
        fc.uniqueArray(network),
        fc.dictionary(network, fc.record({ aliases: fc.array(name) })),
      ),
    ),
    depends_on: maybe(
      fc.oneof(fc.uniqueArray(name), fc.dictionary(name, fc.record({ condition }))),
    ),
    links: maybe(fc.uniqueArray(name)),
    network_mode: maybe(
      fc.oneof(
        fc.constantFrom('none', 'host'),
        name.map((other) => `service:${other}`),
      ),
    ),
    deploy: maybe(fc.record({ replicas: fc.integer({ min: 0, max: 3 }) })),
    profiles: maybe(fc.uniqueArray(fc.constantFrom('a', 'b'))),
    hostname: maybe(fc.constant('h')),
  },
  { requiredKeys: ['image'] },
);
const project = fc.record({
  services: fc.dictionary(name, service, { minKeys: 1 }),
  networks: fc.constant({ front: {}, back: {}, lan: {} }),
});

test('inject is finished after one time, and leaves applications as they are', (t) => {
  let accepted = 0;
  fc.assert(
    fc.property(project, (value) => {
      const text = stringify(value, { keepUndefined: false });
      const { output, problems } = injectText(text);
      if (output === undefined) {
        t.true(problems.length > 0);
        return;
      }
      accepted += 1;
      t.is(injected(output), output);
      const [before, after] = [servicesOf(text), servicesOf(output)];
      for (const [title, original] of Object.entries(before)) {
        const found = after[title] ?? after[`${title}-1`];
        for (const key of ['image', 'environment', 'command', 'profiles']) {
          t.deepEqual(found?.[key], original[key], `${title}: ${key}`);
        }
      }
    }),
    { numRuns: 300 },
  );
  t.true(accepted > 20, `${accepted} projects were accepted`);
});
