import { booleanOf } from './boolean.ts';
import type { BuildSource } from './dockerfile.ts';
import type { HealthSource } from './project.ts';
import type { ServiceFields } from './service-fields.ts';
import type { Variables } from '../source/variables.ts';
import { isPlainList, isPlainMap, type Plain } from '../yaml/yaml-fields.ts';

/**
 * Reads where the health check of a service comes from. What is not said of the mesh is left to Compose: a variable in
 * it decides nothing.
 */
export function readHealth(fields: ServiceFields): HealthSource {
  const plain = fields.plain('healthcheck');
  const healthcheck = isPlainMap(plain) ? plain : {};
  const { test, disable } = healthcheck;
  if (booleanOf(fields.peek(disable ?? false)) === true) return { kind: 'none' };
  // Docker takes the test of the image for an empty one.
  const isEmpty = test === '' || (isPlainList(test) && test.length === 0);
  if (test !== undefined && test !== null && !isEmpty) return { kind: 'test', test };
  const image = fields.text('image')?.value;
  const isTuned = Object.keys(healthcheck).some((key) => key !== 'test' && key !== 'disable');
  const build = readBuild(fields.peek(fields.plain('build') ?? null), (name) => {
    const value = fields.peek(`$${name}`);
    return value === `$${name}` ? undefined : value;
  });
  return { kind: 'image', image: image && fields.peek(image), build, isTuned };
}

function readBuild(value: Plain, variable: Variables): BuildSource | undefined {
  if (value === null) return undefined;
  const build = isPlainMap(value) ? value : { context: value };
  const text = (key: string): string | undefined =>
    typeof build[key] === 'string' ? build[key] : undefined;
  return {
    context: text('context') ?? '.',
    dockerfile: text('dockerfile') ?? 'Dockerfile',
    inline: text('dockerfile_inline'),
    target: text('target'),
    args: pairsOf(build['args'], variable),
    otherContexts: new Set(pairsOf(build['additional_contexts'], () => '').keys()),
  };
}

/** Names and values, of a mapping or of a list of `NAME=VALUE`. Those without a value have that of a variable, if any. */
function pairsOf(value: Plain | undefined, variable: Variables): ReadonlyMap<string, string> {
  const entries = isPlainList(value)
    ? value.filter(isText).map((item) => {
        const [, name = item, given] = /^([^=]*)=(.*)$/s.exec(item) ?? [];
        return [name, given] as const;
      })
    : Object.entries(isPlainMap(value) ? value : {});
  const pairs = entries.map(([name, given]) => [name, given ?? variable(name)] as const);
  return new Map(pairs.filter((pair): pair is readonly [string, string] => isText(pair[1])));
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
