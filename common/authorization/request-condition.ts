import { isBelow, matchesPath, type PathMatch } from '../routes/path-match.ts';

/** An HTTP request, as rules see it. */
export interface HttpRequest {
  /** As it came: methods are case-sensitive. */
  readonly method: string;
  /** As `requestPath` gives it; undefined for a path that servers read in several ways. */
  readonly path: string | undefined;
}

/** Which requests a rule is about: one of the methods, and one of the paths or gRPC services. Empty lists mean all. */
export interface RequestCondition {
  readonly methods: readonly string[];
  readonly paths: readonly PathMatch[];
  /** With their packages, as in `shop.Orders`: all their methods, whose paths are `/SERVICE/METHOD`. */
  readonly grpcServices: readonly string[];
}

/**
 * True when a condition is met. What cannot be known (a connection that carries no HTTP, a path that may be
 * another) is decided against the caller: it meets what denies, and does not meet what allows.
 *
 * @param request undefined for a connection that carries no HTTP
 */
export function meetsCondition(
  { methods, paths, grpcServices }: RequestCondition,
  action: 'allow' | 'deny',
  request: HttpRequest | undefined,
): boolean {
  const inDoubt = action === 'deny';
  if (request === undefined) return inDoubt;
  const { method, path } = request;
  if (methods.length > 0 && !methods.includes(method)) return false;
  if (paths.length === 0 && grpcServices.length === 0) return true;
  if (path === undefined) return inDoubt;
  // Some servers serve `/admin;x` as `/admin`: it is denied like that, and allowed only by what says so.
  const readings = inDoubt && path.includes(';') ? [path, withoutParameters(path)] : [path];
  return readings.some(
    (reading) =>
      paths.some((one) => matchesPath(one, reading)) ||
      grpcServices.some((service) => isBelow(reading, `/${service}`)),
  );
}

/** Takes off what follows a `;` in each segment (RFC 3986 section 3.3), and segments that were nothing else. */
function withoutParameters(path: string): string {
  return path.replaceAll(/;[^/]*/g, '').replaceAll(/\/{2,}/g, '/');
}
