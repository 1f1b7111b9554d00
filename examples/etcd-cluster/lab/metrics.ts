import type { HostProcesses } from './host-processes.ts';
import { LabError } from './lab-error.ts';
import type { HostName } from './network.ts';

/** Adds up the samples of a metric that have all of these labels, as `name="value"`. */
export type SumOfSamples = (metric: string, ...labels: readonly string[]) => number;

/** Where a sidecar serves its metrics, on its own host. */
export const SIDECAR_METRICS = 'http://127.0.0.1:15020/metrics';

/** Reads metrics on the host itself, so that they do not cross the wire. */
export async function readMetrics(
  processes: HostProcesses,
  host: HostName,
  url: string,
): Promise<SumOfSamples> {
  const { code, stdout, stderr } = await processes.run(host, ['curl', '-fsS', url]);
  if (code !== 0) throw new LabError(`no metrics at ${url} on ${host}: ${stderr}`);
  const lines = stdout.split('\n');
  return (metric, ...labels) =>
    lines
      .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
      .filter((line) => labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
