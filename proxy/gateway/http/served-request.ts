import type { BudgetShare } from '../../../common/budget/shared-budget.ts';
import type { ForwardedClient } from '../../http/fields/request-fields.ts';
import type { Deadlines } from '../../http/forward/deadlines.ts';
import type {
  ForwardDependencies,
  ForwardedRequest,
} from '../../http/forward/forwarded-request.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import type { RequestSpan } from '../../tracing/tracer.ts';
import type { CompiledRoute } from './compiled-route.ts';

/** Whose a request is. */
export interface RequestOwner {
  readonly client: ForwardedClient;
  /** Of what its client takes up; undefined where a listener has no shares. */
  readonly share: BudgetShare | undefined;
  /** One of its requests is over. */
  ended(): void;
}

/** What a served request is made with. */
export interface ServedRequestOptions extends Pick<ForwardDependencies, 'deadlines' | 'after'> {
  readonly route: CompiledRoute | undefined;
  readonly refused: (request: ForwardedRequest, why: Refusal) => void;
  /** Is told once, when all is over. */
  readonly done: (served: ServedRequest, request: ForwardedRequest) => void;
}

/** A request at a listener: whose it is, and what it led to. */
export class ServedRequest implements ForwardDependencies {
  readonly owner: RequestOwner;
  readonly route: CompiledRoute | undefined;
  readonly deadlines: Deadlines;
  readonly after: ForwardDependencies['after'];
  span: RequestSpan | undefined;
  readonly refused: ServedRequestOptions['refused'];
  readonly #done: ServedRequestOptions['done'];

  constructor(
    owner: RequestOwner,
    { route, deadlines, after, refused, done }: ServedRequestOptions,
  ) {
    this.refused = refused;
    this.owner = owner;
    this.route = route;
    this.deadlines = deadlines;
    this.after = after;
    this.#done = done;
  }

  done(request: ForwardedRequest): void {
    this.#done(this, request);
  }
}
