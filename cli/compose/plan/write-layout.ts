import {
  isMap,
  isScalar,
  isSeq,
  type Document,
  type Node,
  Pair,
  Scalar,
  visit,
  YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { AddedService, InstancePlan, Plan } from './layout.ts';
import { HEALTH_DIRECTORY, HEALTH_VOLUME, MARKER } from './layout-names.ts';
import type { ComposeFile } from '../source/compose-file.ts';
import { detach, spellOut } from '../yaml/shared-nodes.ts';
import { fieldsOf, type Plain } from '../yaml/yaml-fields.ts';
import { copyOf, nodeOf, setField, takeField } from '../yaml/yaml-nodes.ts';

/** Writes the layout into the document of the file, and the document as text. */
export function writeLayout(file: ComposeFile, plan: Plan): string {
  const { document, root } = file;
  const services = fieldsOf(document, root).get('services')?.value;
  if (!isMap(services)) throw new TypeError('a file without services was planned');
  prepare(document, services, plan);
  services.items = services.items.flatMap((pair) => {
    const { value } = pair;
    const instances = plan.services.get(String(pair.key));
    if (instances === undefined || !isMap(value)) return [pair];
    // The first takes the node itself, with its comments; the others are copies of it as it was.
    const originals = instances.map((_, index) => (index === 0 ? value : copyOf(document, value)));
    return instances.flatMap((instance, index) => {
      const original = originals[index];
      if (!isMap(original)) return [];
      const key = renamed(pair.key as Node, instance.name, index);
      return writeInstance(document, new Pair<Node, Node>(key, original), instance);
    });
  });
  for (const shared of plan.shared) services.items.push(addedPair(shared, new Map()));
  const volumes = fieldsOf(document, root).get('volumes')?.value;
  const merged = isMap(volumes) ? volumes : new YAMLMap();
  for (const [name, value] of Object.entries(plan.volumes)) setField(merged, name, nodeOf(value));
  merged.flow = false;
  if (merged !== volumes) setField(root, 'volumes', merged);
  setField(root, MARKER, nodeOf(plan.marker));
  quotePorts(document);
  spellNulls(document);
  return document.toString({ lineWidth: 0 });
}

/** A port without quotes is a number, which Compose v2 does not take for a key. */
function quotePorts(document: Document): void {
  visit(document, {
    Pair(_, { key, value }) {
      if (!isScalar(key) || key.value !== 'allow' || !isMap(value)) return;
      for (const { key: port } of value.items) {
        if (isScalar(port) && port.type === Scalar.PLAIN) port.type = Scalar.QUOTE_DOUBLE;
      }
    },
  });
}

/** Within braces some readers take `{ a:, b: 1 }` for a key that is called "a:". */
function spellNulls(document: Document): void {
  visit(document, {
    Map(_, map) {
      if (map.flow !== true) return;
      for (const pair of map.items) {
        const { value } = pair;
        const isEmpty = value === null || (isScalar(value) && value.value === null);
        if (isEmpty) pair.value = Object.assign(new Scalar(null), { source: 'null' });
      }
    },
  });
}

/** Makes the nodes that will be changed independent of all others. */
function prepare(document: Document, services: YAMLMap, plan: Plan): void {
  const changed = new Map<YAMLMap, ReadonlySet<string>>();
  for (const pair of services.items) {
    const instances = plan.services.get(String(pair.key)) ?? [];
    const keys = new Set(instances.flatMap(changedKeys));
    if (keys.size === 0) continue;
    if (!isMap(pair.value)) pair.value = copyOf(document, pair.value);
    if (isMap(pair.value)) changed.set(pair.value, keys);
  }
  detach(document, changed);
  for (const [service, keys] of changed) spellOut(document, service, keys);
}

const HEALTH_KEYS = { off: ['healthcheck'], test: ['healthcheck', 'volumes'] } as const;

function changedKeys({ set, health, remove }: InstancePlan): readonly string[] {
  const ofHealth = health === undefined ? [] : HEALTH_KEYS[health.kind];
  return [...ofHealth, ...Object.keys(set), ...remove.map((key) => key.split('.')[0] ?? key)];
}

function renamed(key: Node, name: string, index: number): Node {
  if (String(key) === name) return key;
  const copy = nodeOf(name);
  if (index > 0) return copy;
  const { commentBefore, spaceBefore } = key as { commentBefore?: string; spaceBefore?: boolean };
  return Object.assign(copy, { commentBefore, spaceBefore });
}

function writeInstance(
  document: Document,
  pair: Pair<Node, Node>,
  instance: InstancePlan,
): readonly Pair[] {
  const service = pair.value;
  if (!isMap(service)) return [pair];
  const taken = new Map<string, Pair>();
  for (const key of instance.remove) {
    if (key === 'deploy.replicas') removeReplicas(document, service);
    const field = takeField(service, key);
    if (field !== undefined) taken.set(key, field);
  }
  if (instance.health?.kind === 'test') setHealthTest(document, service, instance.health.test);
  if (instance.health?.kind === 'off') setField(service, 'healthcheck', nodeOf({ disable: true }));
  for (const [key, value] of Object.entries(instance.set)) setField(service, key, nodeOf(value));
  return [pair, ...instance.added.map((added) => addedPair(added, taken))];
}

/** Only the test, and the volume that it needs: what else is there stays as it is written. */
function setHealthTest(document: Document, service: YAMLMap, test: Plain): void {
  const fields = fieldsOf(document, service);
  const written = fields.get('healthcheck');
  const copy = written === undefined ? undefined : copyOf(document, written.value);
  const healthcheck = isMap(copy) ? copy : new YAMLMap();
  const changed = nodeOf(test);
  const original = fieldsOf(document, healthcheck).get('test')?.value;
  if (isSeq(changed) && isSeq(original)) changed.flow = original.flow ?? false;
  setField(healthcheck, 'test', changed);
  setField(service, 'healthcheck', healthcheck);
  const mounted = fields.get('volumes');
  const list = mounted === undefined ? undefined : copyOf(document, mounted.value);
  const volumes = isSeq(list) ? list : (nodeOf([]) as YAMLSeq);
  volumes.items.push(nodeOf(`${HEALTH_VOLUME}:${HEALTH_DIRECTORY}:ro`));
  setField(service, 'volumes', volumes);
}

function removeReplicas(document: Document, service: YAMLMap): void {
  const deploy = takeField(service, 'deploy');
  if (deploy === undefined) return;
  const rest = copyOf(document, deploy.value);
  if (!isMap(rest)) return;
  takeField(rest, 'replicas');
  if (rest.items.length > 0) service.items.push(new Pair(deploy.key, rest));
}

function addedPair({ name, values, takes }: AddedService, taken: ReadonlyMap<string, Pair>): Pair {
  const map = nodeOf(values);
  if (isMap(map)) {
    const moved = takes.flatMap((key) => taken.get(key) ?? []);
    // The marker stays last.
    map.items.splice(-1, 0, ...(moved as Pair<Node, Node>[]));
  }
  return new Pair(nodeOf(name), map);
}
