import { describeAccess } from '../../../common/authorization/describe-access.ts';
import type { AccessExplanation } from '../../../common/authorization/explain-access.ts';
import type {
  BackendAccess,
  RequestExplanation,
} from '../../../common/authorization/explain-request.ts';
import { listSetting, setting } from '../../../common/config/settings.ts';
import { valueType } from '../../../common/config/values.ts';
import { describeMatch } from '../../../common/routes/describe-match.ts';
import type { RoutedRequest } from '../../../common/routes/fits-match.ts';
import { formatServicePort } from '../../../common/routes/route.ts';
import { formatTable } from '../../output/table.ts';
import { endpointDocument, verdictDocument } from './endpoints.ts';

/** What says that a request is asked about, and which. */
export const REQUEST_SETTINGS = {
  method: setting(
    valueType('a method as in GET', (raw) =>
      /^[!#-'*+\-.\w^`|~]+$/.test(raw) ? raw : undefined,
    ).optional(),
    {
      description: 'ask about a request with this method',
      placeholder: 'METHOD',
      defaultText: 'GET',
    },
  ),
  path: setting(
    valueType('a path as in /orders?page=1', (raw) =>
      /^\/[!-~]*$/.test(raw) ? raw : undefined,
    ).optional(),
    {
      description: 'ask about a request for this path, with its query',
      placeholder: 'PATH',
      defaultText: '/',
    },
  ),
  header: listSetting(
    valueType('NAME=VALUE', (raw) => {
      const at = raw.indexOf('=');
      return at > 0 ? ([raw.slice(0, at), raw.slice(at + 1)] as const) : undefined;
    }),
    { description: 'a header of that request, for routes', placeholder: 'NAME=VALUE' },
  ),
};

/** What was given for the settings. */
interface RequestValues {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly header: RoutedRequest['fields'];
}

/** The request that is asked about; undefined for a connection. */
export function askedRequest({ method, path, header }: RequestValues): RoutedRequest | undefined {
  if (method === undefined && path === undefined && header.length === 0) return undefined;
  return { method: method ?? 'GET', target: path ?? '/', fields: header };
}

/** The verdict for all backends together: as for the sidecars of one, or that none is asked. */
export function requestVerdict({
  backends,
}: RequestExplanation): AccessExplanation['verdict'] | 'not sent' {
  if (backends.length === 0) return 'not sent';
  const verdicts = new Set(backends.map(({ access }) => access.verdict));
  const [only = 'unknown'] = verdicts;
  if (verdicts.size <= 1) return only;
  return verdicts.has('unknown') ? 'unknown' : 'differs';
}

/** What becomes of the request, in a few lines. */
export function requestText(explanation: RequestExplanation): string {
  switch (explanation.kind) {
    case 'unrouted':
      return '';
    case 'no-match':
      return "the caller's sidecar answers it with 404: no rule of the routes is for it\n";
    case 'ambiguous-path':
      return "the caller's sidecar answers it with 400: servers read this path in several ways\n";
    case 'routed': {
      const { entry, backends } = explanation;
      const { redirect } = entry.rule.filters;
      const rule = entry.rule.name === '' ? '' : `, rule ${entry.rule.name}`;
      const taken = `by the route ${entry.route.name}${rule}, whose match is ${describeMatch(entry.match)}`;
      if (redirect !== undefined) {
        return `the caller's sidecar redirects it with ${redirect.statusCode} ${taken}\n`;
      }
      return `it is sent ${taken}:\n\n${formatTable(HEADER, backends.map(backendRow))}`;
    }
  }
}

const HEADER = ['BACKEND', 'SHARE', 'ENDPOINTS', 'ANSWER', 'WHY'];

function backendRow({ backend, share, enforcers, access }: BackendAccess): string[] {
  return [
    formatServicePort(backend),
    `${Math.round(share * 10) / 10}%`,
    String(enforcers.length),
    access.verdict,
    describeAccess(access),
  ];
}

/** The same as `--json` prints it. */
export function requestDocument(
  { method, target }: RoutedRequest,
  explanation: RequestExplanation,
): object {
  const { kind, backends } = explanation;
  const verdict = requestVerdict(explanation);
  return {
    allowed: verdict === 'not sent' ? null : verdictDocument(verdict),
    request: { method, path: target },
    route: kind === 'routed' ? routeDocument(explanation) : null,
    outcome: kind,
    backends: backends.map(({ backend, share, access }) => ({
      service: formatServicePort(backend),
      percent: share,
      allowed: verdictDocument(access.verdict),
      why: describeAccess(access),
      endpoints: access.endpoints.map(endpointDocument),
    })),
  };
}

function routeDocument({ entry }: RequestExplanation & { readonly kind: 'routed' }): object {
  const { route, rule, match } = entry;
  return {
    name: route.name,
    rule: rule.name === '' ? null : rule.name,
    match: describeMatch(match),
    redirects: rule.filters.redirect !== undefined,
  };
}
