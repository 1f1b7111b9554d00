import type { ApplicationHealth, HealthChange } from './application-health.ts';
import type { PlainMap } from '../yaml/yaml-fields.ts';

/** A service to add. */
export interface AddedService {
  readonly name: string;
  readonly values: PlainMap;
  /** Keys whose nodes it takes over from the application, comments and all. */
  readonly takes: readonly string[];
}

/** What becomes of one service of the file, or of one replica of it. */
export interface InstancePlan {
  readonly name: string;
  readonly set: PlainMap;
  /** What becomes of its health check, a new test of which needs a volume; undefined when it stays as it is. */
  readonly health: HealthChange | undefined;
  readonly remove: readonly string[];
  /** Pod and sidecar, if it is meshed. */
  readonly added: readonly AddedService[];
}

/** Everything that is to be written. */
export interface Plan {
  /** By the name of the service in the file: the instances that take its place. */
  readonly services: ReadonlyMap<string, readonly InstancePlan[]>;
  /** Those that there is one of: the control plane, and the keeper if there is one. */
  readonly shared: readonly AddedService[];
  /** Top-level volumes to add. */
  readonly volumes: PlainMap;
  readonly marker: PlainMap;
}

/** What all instances are made with. */
export interface PlanOptions {
  /** The image with Hauberk in it. */
  readonly image: string;
  /** Whether there is a keeper. */
  readonly keeper: boolean;
  /** Whether the file is for Compose 1, whose schema has less. */
  readonly composeV1: boolean;
  readonly health: ApplicationHealth;
}
