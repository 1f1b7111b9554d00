import { z } from 'zod';
import { isLabel } from '../../../common/names.ts';
import type { ServiceName } from '../../../proto/gen/hauberk/v1/identity.ts';
import { SPANS, type Span } from '../../prometheus/history.ts';
import type { Answers, DryRunAnswer } from '../answers/answers.ts';
import { DashboardError } from '../dashboard-error.ts';
import { accessAnswer, authorityAnswer, certificatesAnswer, logAnswer } from './certificates.ts';
import { explainAnswer } from './explain.ts';
import { historyAnswer } from './history.ts';
import { meshAnswer, serviceAnswer } from './mesh.ts';
import { dryRunAnswer, policyAnswer } from './policy.ts';
import type { QueryContext } from './query-context.ts';

/** Answers a question of the browser. Throws DashboardError `request-malformed`, and what the actions throw. */
type Query<Answer> = (context: QueryContext, question: unknown) => Promise<Answer>;

const label = z.string().refine(isLabel, 'expected the name of a service or a namespace');
const port = z.coerce.number().int().min(1).max(65_535);

/** Longer texts are no names that are searched for. */
const MAX_SEARCH_CHARACTERS = 300;

const nothing = z.object({});
const searched = z.object({ text: z.string().max(MAX_SEARCH_CHARACTERS).default('') });
const service = z.object({ namespace: label, service: label });
const history = z.object({
  namespace: label,
  service: label,
  fromNamespace: label.optional(),
  fromService: label.optional(),
  span: z.enum(Object.keys(SPANS) as [Span, ...Span[]]).default('1h'),
});
const version = z.object({ version: z.coerce.number().int().min(0).optional() });
const explained = z.object({
  fromNamespace: label,
  fromService: label,
  toNamespace: label,
  toService: label,
  port,
  method: z
    .string()
    .regex(/^[A-Z]{1,20}$/, 'expected a method as GET')
    .optional(),
  path: z
    .string()
    .regex(/^\/[!-~]{0,2000}$/, 'expected a path as /orders')
    .optional(),
});

function query<Question, Answer>(
  schema: z.ZodType<Question>,
  answer: (context: QueryContext, question: Question) => Promise<Answer>,
): Query<Answer> {
  return (context, question) => answer(context, parse(schema, question));
}

/** What may be asked with GET; `session` is answered where sessions are. */
export const QUERIES: {
  readonly [Name in Exclude<keyof Answers, 'session'>]: Query<Answers[Name]>;
} = {
  mesh: query(nothing, meshAnswer),
  service: query(service, serviceAnswer),
  history: query(history, (context, { namespace, service: to, span, ...from }) =>
    historyAnswer(context, { to: { namespace, service: to }, from: callerOf(from), span }),
  ),
  certificates: query(searched, certificatesAnswer),
  authority: query(nothing, authorityAnswer),
  log: query(nothing, logAnswer),
  access: query(nothing, accessAnswer),
  policy: query(version, (context, given) => policyAnswer(context, { version: given.version })),
  explain: query(explained, (context, { port: number, method, path, ...names }) =>
    explainAnswer(context, {
      from: { namespace: names.fromNamespace, service: names.fromService },
      to: { namespace: names.toNamespace, service: names.toService, port: number },
      request:
        method === undefined && path === undefined
          ? undefined
          : { method: method ?? 'GET', target: path ?? '/' },
    }),
  ),
};

function callerOf(from: {
  readonly fromNamespace?: string | undefined;
  readonly fromService?: string | undefined;
}): ServiceName | undefined {
  const { fromNamespace: namespace, fromService } = from;
  if (namespace === undefined || fromService === undefined) return undefined;
  return { namespace, service: fromService };
}

/** Asked with POST because of its size: it changes nothing. */
export const dryRun: Query<DryRunAnswer> = query(z.object({ document: z.string() }), dryRunAnswer);

/** Reads what the browser sends. @throws DashboardError `request-malformed` */
export function parse<Value>(schema: z.ZodType<Value>, raw: unknown): Value {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.join('.') ?? '';
  throw new DashboardError('request-malformed', `${place}: ${issue?.message ?? 'malformed'}`, {
    hint: 'reload the page: it may be of another version',
  });
}
