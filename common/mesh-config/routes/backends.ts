import { z } from 'zod';
import { type BackendPolicy, DEFAULT_BACKEND_POLICY } from '../../routes/backend-policy.ts';
import { DAY_MS, durationMsField, percentField, serviceRef } from './fields.ts';

/** More services in one entry than a person can oversee. */
const MAX_TARGETS = 100;

const { outlierDetection, circuitBreaker, retryConstraint } = DEFAULT_BACKEND_POLICY;

function count(min: number, max: number) {
  const message = `expected a whole number from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
}

const outliers = z.strictObject({
  consecutive5xxErrors: count(0, 1_000_000).default(outlierDetection.consecutive5xxErrors),
  baseEjectionTime: durationMsField({ min: 100, max: DAY_MS }).default(
    outlierDetection.baseEjectionTimeMs,
  ),
  maxEjectionPercent: percentField.default(outlierDetection.maxEjectionPercent),
});

const breaker = z.strictObject({
  maxParallelRequests: count(1, 1_000_000).default(circuitBreaker.maxParallelRequests),
  maxPendingRequests: count(0, 1_000_000).default(circuitBreaker.maxPendingRequests),
});

const UNIT_MS = { Second: 1_000, Minute: 60_000, Hour: 3_600_000 } as const;

const rateLimit = z.strictObject({
  requests: count(1, 1_000_000_000),
  unit: z.enum(['Second', 'Minute', 'Hour'], 'expected Second, Minute or Hour'),
});

const budget = z.strictObject({
  percent: percentField.default(retryConstraint.budget.percent),
  interval: durationMsField({ min: 1_000, max: 3_600_000 }).default(
    retryConstraint.budget.intervalMs,
  ),
});

const minRetryRate = z.strictObject({
  count: count(0, 1_000_000).default(retryConstraint.minRetryRate.count),
  interval: durationMsField({ min: 1_000, max: 3_600_000 }).default(
    retryConstraint.minRetryRate.intervalMs,
  ),
});

const constraint = z.strictObject({
  budget: budget.prefault({}),
  minRetryRate: minRetryRate.prefault({}),
});

const loadBalancer = z.strictObject({
  type: z
    .enum(['LeastRequest', 'RoundRobin', 'Random'], 'expected LeastRequest, RoundRobin or Random')
    .default(DEFAULT_BACKEND_POLICY.loadBalancer),
});

/** How a service is treated as a backend. */
export const backendPolicy = z.strictObject({
  targetRefs: z
    .array(z.strictObject(serviceRef))
    .min(1, 'expected at least one service')
    .max(MAX_TARGETS),
  appProtocol: z.enum(['http', 'h2c'], 'expected http or h2c').optional(),
  loadBalancer: loadBalancer.prefault({}),
  outlierDetection: outliers.prefault({}),
  circuitBreaker: breaker.prefault({}),
  rateLimit: rateLimit.optional(),
  retryConstraint: constraint.prefault({}),
});

/** The keys of an entry and of what is in it. */
export const BACKEND_KEYS: readonly string[] = [
  backendPolicy,
  loadBalancer,
  outliers,
  breaker,
  rateLimit,
  constraint,
  budget,
  minRetryRate,
].flatMap(({ shape }) => Object.keys(shape));

/** What an entry says. */
export function toBackendPolicy(
  given: z.output<typeof backendPolicy>,
  targets: BackendPolicy['targets'],
): BackendPolicy {
  const { outlierDetection: ejection, rateLimit: rate, retryConstraint: retries } = given;
  return {
    targets,
    appProtocol: given.appProtocol,
    loadBalancer: given.loadBalancer.type,
    outlierDetection: {
      consecutive5xxErrors: ejection.consecutive5xxErrors,
      baseEjectionTimeMs: ejection.baseEjectionTime,
      maxEjectionPercent: ejection.maxEjectionPercent,
    },
    circuitBreaker: given.circuitBreaker,
    rateLimit: rate && { requests: rate.requests, intervalMs: UNIT_MS[rate.unit] },
    retryConstraint: {
      budget: { percent: retries.budget.percent, intervalMs: retries.budget.interval },
      minRetryRate: {
        count: retries.minRetryRate.count,
        intervalMs: retries.minRetryRate.interval,
      },
    },
  };
}
