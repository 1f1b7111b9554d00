import type { RouteMatch } from './route.ts';

/** A match in a few words, as in `GET /api/* x-canary=always ?page=1` or `shop.Orders/Get`; `*` for every request. */
export function describeMatch({
  path,
  grpcMethod,
  method,
  headers,
  queryParams,
}: RouteMatch): string {
  const words = [
    ...(method === undefined ? [] : [method]),
    ...(path === undefined ? [] : [path.type === 'Exact' ? path.value : below(path.value)]),
    ...(grpcMethod === undefined
      ? []
      : [`${grpcMethod.service ?? '*'}/${grpcMethod.method ?? '*'}`]),
    ...headers.map(({ name, value }) => `${name}=${value}`),
    ...queryParams.map(({ name, value }) => `?${name}=${value}`),
  ];
  return words.length === 0 ? '*' : words.join(' ');
}

function below(prefix: string): string {
  return prefix.endsWith('/') ? `${prefix}*` : `${prefix}/*`;
}
