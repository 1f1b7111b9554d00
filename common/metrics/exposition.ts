import { Registry } from 'prom-client';

/** The Prometheus text format. */
export const PROMETHEUS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** OpenMetrics 1.0. */
export const OPENMETRICS_CONTENT_TYPE = Registry.OPENMETRICS_CONTENT_TYPE;

/** Whether a scraper's Accept header asks for OpenMetrics rather than the Prometheus text format. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  const weights = { openMetrics: 0, text: 0 };
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    const weight = quality === undefined ? 1 : Number(quality) || 0;
    if (type === 'application/openmetrics-text') {
      weights.openMetrics = Math.max(weights.openMetrics, weight);
    } else if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
      weights.text = Math.max(weights.text, weight);
    }
  }
  return weights.openMetrics > 0 && weights.openMetrics >= weights.text;
}

/**
 * Turns the Prometheus text format into OpenMetrics: a counter's family loses the `_total` that its
 * samples keep, blank lines go, and the end is marked.
 *
 * The registry's own OpenMetrics output is not used because it renames the counters for good, so that
 * the next Prometheus scrape would get other names.
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map((m) => m[1]));
  const lines = text.split('\n').filter((line) => line !== '');
  const converted = lines.map((line) =>
    line.replace(/^# (HELP|TYPE) (\S+)_total /, (whole, keyword: string, family: string) =>
      counters.has(family) ? `# ${keyword} ${family} ` : whole,
    ),
  );
  return `${converted.join('\n')}\n# EOF\n`;
}
