/** As often as an impatient Prometheus. */
const SCRAPE_EVERY_MS = 1_000;

/** Reads all metrics again and again until it is disposed of: they are on in every measurement. */
export function startScraper(urls: readonly string[]): Disposable {
  const ended = new AbortController();
  const scrape = async (url: string): Promise<void> => {
    try {
      const response = await fetch(url, { signal: ended.signal });
      await response.arrayBuffer();
    } catch {
      // A sidecar that is being restarted; whether it answers requests is measured elsewhere.
    }
  };
  const timer = setInterval(() => void Promise.all(urls.map(scrape)), SCRAPE_EVERY_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      ended.abort();
    },
  };
}
