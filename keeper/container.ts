import { z } from 'zod';

/** What `hauberk inject` calls a container by, in the label `hauberk.part`. */
export const PART_LABEL = 'hauberk.part';

/** A container, as far as the keeper is concerned. */
export interface Container {
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly part: 'pod' | 'sidecar' | 'other';
  /** The container whose network namespace it was made to join. */
  readonly joins: string | undefined;
  readonly running: boolean;
  /** It runs, and its health check says so, if it has one. */
  readonly healthy: boolean;
  /** When it was last started. */
  readonly startedMs: number;
  /** Why the engine could not start it the last time; empty when it could. */
  readonly failure: string;
  /** Its restart policy, as in `unless-stopped`. */
  readonly restartPolicy: string;
}

const inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({
    Running: z.boolean(),
    Restarting: z.boolean(),
    Error: z.string(),
    StartedAt: z.string(),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
  HostConfig: z.object({
    NetworkMode: z.string(),
    RestartPolicy: z.object({ Name: z.string() }),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
});

/** Reads what the engine tells of one container. */
export const readContainer = inspected.transform(
  ({ Id, Name, State, HostConfig, Config }): Container => {
    const part = Config.Labels?.[PART_LABEL];
    const [, joins] = /^container:(.+)$/.exec(HostConfig.NetworkMode) ?? [];
    const running = State.Running && !State.Restarting;
    const health = State.Health?.Status ?? 'none';
    return {
      id: Id,
      name: Name.replace(/^\//, ''),
      part: part === 'pod' || part === 'sidecar' ? part : 'other',
      joins,
      running,
      healthy: running && (health === 'healthy' || health === 'none'),
      startedMs: Date.parse(State.StartedAt),
      failure: State.Error,
      restartPolicy: HostConfig.RestartPolicy.Name,
    };
  },
);
