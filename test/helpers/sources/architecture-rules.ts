import { posix } from 'node:path';
import { type ImportKind, readSourceFacts } from './source-facts.ts';

/** Where a kind of thing may be, and how the rooms of the house are stacked. */
export interface Architecture {
  /**
   * What each area may import beside itself; an entry ending in `/` is a folder, and
   * `dynamic:` means by dynamic import only.
   */
  readonly areas: Readonly<Record<string, readonly string[]>>;
  /**
   * The rooms of an area, top layer first. A room is a folder (`relay/`), a file (`main.ts`) or
   * files by their beginning (`metrics*`). It may import every lower layer, and nothing beside it.
   */
  readonly layers: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** Folders or files with the only places that may import them. */
  readonly reserved: Readonly<Record<string, readonly string[]>>;
  /** Those of the reserved ones whose types everybody may import. */
  readonly openTypes: readonly string[];
  /** The files that may use what `SourceFacts.hidden` lists, with the reason. */
  readonly hidden: Readonly<Record<string, string>>;
  /** The files of `proxy/` that may make sockets by themselves, with the reason. */
  readonly sockets: Readonly<Record<string, string>>;
  readonly maxLines: number;
}

/** A broken rule: which file, what about it, and what the rule says. */
export interface Violation {
  readonly file: string;
  readonly finding: string;
  readonly rule: string;
}

/** Reserved for the main files, which hand on what they read. */
const MAIN_ONLY = new Set(['env', 'argv', 'exit', 'exitCode', '*']);

/** Checks sources, by path from the root of the repository, against an architecture. */
export function checkArchitecture(
  sources: ReadonlyMap<string, string>,
  architecture: Architecture,
): Violation[] {
  return [...sources].flatMap(([file, source]) => {
    const facts = readSourceFacts(file, source);
    const found = (finding: string, rule: string): Violation => ({ file, finding, rule });
    const violations: Violation[] = [];
    if (facts.lines > architecture.maxLines) {
      violations.push(found(`${facts.lines} lines`, `no file over ${architecture.maxLines} lines`));
    }
    if (facts.hasDefaultExport) violations.push(found('a default export', 'named exports only'));
    const taken = facts.processMembers.filter((member) => MAIN_ONLY.has(member));
    if (taken.length > 0 && !file.endsWith('/main.ts')) {
      const finding = `process.${taken[0]}`;
      violations.push(found(finding, 'only main.ts files read env and argv, and exit'));
    }
    const [area = ''] = file.split('/');
    const bypass = facts.clockBypasses[0];
    if (bypass !== undefined && !isFreeOfTheClock(file)) {
      violations.push(found(bypass, 'common/clock.ts alone tells the time and sets timers'));
    }
    const [socket] = facts.sockets;
    if (socket !== undefined && area === 'proxy' && architecture.sockets[file] === undefined) {
      violations.push(found(socket, 'the sockets of a workload are made in its Network'));
    }
    const [hidden] = facts.hidden;
    if (hidden !== undefined && architecture.hidden[file] === undefined) {
      violations.push(
        found(hidden, 'an object holds what belongs to it, and types say what it is'),
      );
    }
    if (architecture.layers[area] !== undefined && layerOf(file, architecture) === undefined) {
      violations.push(found('no room', `every file of ${area}/ has a room in the table`));
    }
    if (facts.hasSilentCatch && area !== 'bench') {
      const rule =
        'what may fail unseen says so with common/ignored.ts; all else goes under the guard';
      violations.push(found('a catch that does nothing', rule));
    }
    for (const { specifier, kind } of facts.imports) {
      const target = resolve(file, specifier);
      const rule = target && brokenRule({ file, target, kind }, architecture);
      if (rule) violations.push(found(`imports ${target}`, rule));
    }
    return violations;
  });
}

/** A browser has its own clock. Main files keep their process alive; the bench and the demo's load measure from outside. */
function isFreeOfTheClock(file: string): boolean {
  const clocks = ['common/clock.ts', 'dashboard/data/time.ts'];
  return clocks.includes(file) || file.endsWith('/main.ts') || file.startsWith('bench/');
}

interface Import {
  readonly file: string;
  readonly target: string;
  readonly kind: ImportKind;
}

/** The imported file from the root of the repository; undefined for packages and Node.js itself. */
function resolve(file: string, specifier: string): string | undefined {
  if (specifier === '?') return '?';
  return specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : undefined;
}

function brokenRule({ file, target, kind }: Import, table: Architecture): string | undefined {
  if (target === '?') return 'what is imported must stand in the source';
  for (const [place, allowed] of Object.entries(table.reserved)) {
    if (!covers(place, target) || covers(place, file)) continue;
    if (kind === 'type' && table.openTypes.includes(place)) continue;
    if (!allowed.some((one) => covers(one, file))) {
      return `only ${allowed.join(', ')} may import ${place}`;
    }
  }
  const [area = ''] = file.split('/');
  if (!target.startsWith(`${area}/`)) {
    const allowed = table.areas[area] ?? [];
    const fits = allowed.some((one) =>
      one.startsWith('dynamic:')
        ? kind === 'dynamic' && covers(one.slice('dynamic:'.length), target)
        : covers(one, target),
    );
    return fits ? undefined : `${area}/ may import only itself, ${allowed.join(', ')}`;
  }
  const from = layerOf(file, table);
  const to = layerOf(target, table);
  if (from === undefined || to === undefined) return undefined;
  if (from.room === to.room || from.depth < to.depth) return undefined;
  return from.depth === to.depth
    ? `${from.room} and ${to.room} stand side by side in ${area}/ and do not know each other`
    : `${from.room} lies below ${to.room} in ${area}/ and must not know it`;
}

function layerOf(
  file: string,
  { layers }: Architecture,
): { readonly room: string; readonly depth: number } | undefined {
  const [area = '', ...rest] = file.split('/');
  const inside = rest.join('/');
  // The longest match: `store/sqlite/` is a room of its own within `store/`.
  return (layers[area] ?? [])
    .flatMap((rooms, depth) => rooms.map((room) => ({ room, depth })))
    .filter(({ room }) => covers(room, inside))
    .sort((a, b) => b.room.length - a.room.length)[0];
}

function covers(place: string, path: string): boolean {
  if (place.endsWith('*'))
    return path.startsWith(place.slice(0, -1)) && !path.slice(place.length - 1).includes('/');
  return place.endsWith('/') ? path.startsWith(place) : path === place;
}
