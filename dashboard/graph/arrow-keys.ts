interface Point {
  readonly x: number;
  readonly y: number;
}

/** What of a layout can have the focus, by its key. */
export interface Places {
  readonly nodes: ReadonlyMap<string, Point>;
  readonly edges: ReadonlyMap<string, { readonly label: Point }>;
}

const DIRECTIONS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** What is off to the side is farther than it looks: who goes to the right wants to stay in the row. */
const ASIDE = 2;

/**
 * Where a key leads in the picture: an arrow to the nearest node or edge on that side, Home and End to the first and
 * the last node. Undefined where there is nothing, or for another key.
 */
export function leadsTo(key: string, from: string, { nodes, edges }: Places): string | undefined {
  if (key === 'Home') return nodes.keys().next().value;
  if (key === 'End') return [...nodes.keys()].at(-1);
  const direction = DIRECTIONS[key];
  const start = nodes.get(from) ?? edges.get(from)?.label;
  if (direction === undefined || start === undefined) return undefined;
  const places = [
    ...nodes,
    ...Array.from(edges, ([name, { label }]): [string, Point] => [name, label]),
  ];
  let nearest: { readonly name: string; readonly distance: number } | undefined;
  for (const [name, { x, y }] of places) {
    const [right, down] = [x - start.x, y - start.y];
    const ahead = right * direction.x + down * direction.y;
    if (name === from || ahead < 1) continue;
    const aside = Math.abs(right * direction.y) + Math.abs(down * direction.x);
    const distance = ahead + ASIDE * aside;
    if (nearest === undefined || distance < nearest.distance) nearest = { name, distance };
  }
  return nearest?.name;
}
