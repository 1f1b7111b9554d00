import type { MeshView } from './mesh-view.ts';
import { RegistryError } from './registry-error.ts';
import type { SidecarRecord } from './sidecar-record.ts';

/** More sidecars of one service are a loop that makes up instance ids. */
export const MAX_INSTANCES = 1_000;

/** How many allowances all sidecars of one identity may report: some MB, where one alone may report 1,000. */
export const MAX_ALLOWANCES = 20_000;

type View = Pick<MeshView, 'sidecars'>;

/** @throws RegistryError `too-many-instances` when the identity has as many sidecars as it may */
export function requireRoom({ sidecars }: View, { instanceId, spiffeId }: SidecarRecord): void {
  if (sidecars.has(instanceId)) return;
  const instances = othersOf(sidecars, { instanceId, spiffeId }).length;
  if (instances < MAX_INSTANCES) return;
  const sentence = `${spiffeId} has ${instances} sidecars, and no more than ${MAX_INSTANCES} are taken`;
  const hint = 'keep the state directory of a sidecar when it restarts';
  throw new RegistryError('too-many-instances', sentence, { hint });
}

/**
 * Leaves out the allowances of a sidecar when those of its identity have reported too many together.
 * Operators are
 * told of it and nothing depends on it: it is as good as not told.
 */
export function withBoundedAllowances({ sidecars }: View, record: SidecarRecord): SidecarRecord {
  const { allow, ...rest } = record;
  if (allow === undefined) return record;
  let told = allow.length;
  for (const other of othersOf(sidecars, record)) told += other.allow?.length ?? 0;
  return told <= MAX_ALLOWANCES ? record : rest;
}

/** The other sidecars of the same identity. */
function othersOf(
  sidecars: View['sidecars'],
  { instanceId, spiffeId }: Pick<SidecarRecord, 'instanceId' | 'spiffeId'>,
): SidecarRecord[] {
  return sidecars.of(spiffeId).filter((other) => other.instanceId !== instanceId);
}
