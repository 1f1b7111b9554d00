// Takes the pictures of the dashboard that the documents show, and, with --all, of every page on a phone and on a wall,
// light and dark: `npm run screenshots -- docs`, `npm run screenshots -- /tmp/pages --all`. It needs chromium and prometheus.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { openPage, startBrowser } from '../test/helpers/dashboard/browser.ts';
import { startLiveMesh } from '../test/helpers/dashboard/live-mesh.ts';
import { eventually } from '../test/helpers/deadline.ts';
import { freePort } from '../test/helpers/machine/free-port.ts';
import { startShippedPrometheus } from '../test/helpers/prometheus/prometheus.ts';
import type { Scope } from '../test/helpers/scope.ts';

/** What is shown of a page, when it can be seen. */
type Show = (page: Page) => Promise<void>;

/** How long history is gathered for the picture of it. */
const HISTORY_MS = 240_000;

const requests: Show = async (page) => {
  await page.getByRole('button', { name: /^shop\/web to shop\/api: [\d.]+\/s/ }).waitFor();
};

const failingEdge: Show = async (page) => {
  const refused = page.getByRole('button', { name: /^data\/reports to shop\/api: .*failing/ });
  await refused.focus();
  await page.keyboard.press('Enter');
  await page.getByText('To do:').first().waitFor();
};

const history: Show = async (page) => {
  const figure = page.getByRole('group', { name: 'History' });
  await figure.getByText(/^Requests: [\d.]+\/s, at most/).waitFor();
};

const rows: Show = async (page) => {
  await page.locator('main tbody tr').first().waitFor();
};

const PAGES: Readonly<Record<string, readonly [url: string, show: Show]>> = {
  mesh: ['/mesh', requests],
  edge: ['/mesh', failingEdge],
  service: ['/services/shop/api', history],
  certificates: ['/certificates', rows],
  policy: ['/policy', async (page) => page.getByRole('heading').first().waitFor()],
  tap: ['/tap', rows],
  events: ['/events', rows],
};

/** Those of the documents: which page, and under which name. */
const OF_DOCUMENTS = { mesh: 'mesh', edge: 'edge', events: 'events', service: 'history' } as const;

/** A document is read at this width. */
const DOCUMENT = { width: 1_100, height: 760 };

const VIEWS = {
  phone: { width: 360, height: 780 },
  wall: { width: 2_560, height: 1_440 },
} as const;

interface Shot {
  readonly name: string;
  readonly url: string;
  readonly show: Show;
  readonly viewport: { readonly width: number; readonly height: number };
  readonly colorScheme: 'light' | 'dark';
}

function shots(all: boolean): readonly Shot[] {
  if (!all) {
    return Object.entries(OF_DOCUMENTS).map(([page, name]) => {
      const [url, show] = PAGES[page] ?? [];
      if (url === undefined || show === undefined) throw new Error(`there is no page ${page}`);
      return { name: `dashboard-${name}`, url, show, viewport: DOCUMENT, colorScheme: 'light' };
    });
  }
  return Object.entries(PAGES).flatMap(([page, [url, show]]) =>
    Object.entries(VIEWS).flatMap(([view, viewport]) =>
      (['light', 'dark'] as const).map((colorScheme) => ({
        name: `${page}-${view}-${colorScheme}`,
        url,
        show,
        viewport,
        colorScheme,
      })),
    ),
  );
}

async function take(page: Page, origin: string, folder: string, shot: Shot): Promise<void> {
  const { name, url, show, viewport, colorScheme } = shot;
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  await page.goto(`${origin}${url}`);
  await show(page);
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  console.log(name);
}

async function main([folder = '', option]: readonly string[]): Promise<void> {
  if (folder === '') throw new Error('expected a folder for the pictures, got none');
  await mkdir(folder, { recursive: true });
  const ends: (() => unknown)[] = [];
  const scope: Scope = { teardown: (end) => void ends.push(end) };
  try {
    const port = await freePort();
    const all = option === '--all';
    const live = await startLiveMesh(scope, [`--prometheus=http://127.0.0.1:${port}`]);
    const controlPlane = `127.0.0.1:${live.mesh.controlPlane.httpPort}`;
    const prometheus = await startShippedPrometheus(scope, controlPlane, port);
    const browser = await startBrowser(scope);
    await eventually(
      'Prometheus has something to show',
      async () => {
        const age = 'time() - min_over_time(timestamp(up{service="api"})[1h:5s])';
        const [first] = await prometheus.query(age);
        return Number(first?.value[1]) * 1_000 >= (all ? 1 : HISTORY_MS) || undefined;
      },
      2 * HISTORY_MS,
    );
    const { page } = await openPage(scope, browser);
    await page.goto(await live.link());
    await page.waitForSelector('nav');
    for (const shot of shots(all)) await take(page, live.origin, folder, shot);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

await main(process.argv.slice(2));
