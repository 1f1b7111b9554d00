/**
 * The history of a service and of an edge in the machine's Chromium: of the real Prometheus where the control plane is
 * told of one, and of what it remembers itself where it is not. What Prometheus does not answer is one sentence.
 */
import type { ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import type { HistoryAnswer } from '../../control-plane/dashboard/answers/history.ts';
import { freePort } from '../helpers/machine/free-port.ts';
import { openPage, startBrowser } from '../helpers/dashboard/browser.ts';
import { type LiveMesh, startLiveMesh } from '../helpers/dashboard/live-mesh.ts';
import { eventually } from '../helpers/deadline.ts';
import { startShippedPrometheus } from '../helpers/prometheus/prometheus.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';

const { serial: test } = requires('chromium', 'prometheus');
const scope = fileScope();
let browsing: Promise<Browser> | undefined;

async function open(t: ExecutionContext, live: LiveMesh, path: string) {
  const opened = await openPage(t, await (browsing ??= startBrowser(scope)));
  await opened.page.goto(await live.link());
  await opened.page.waitForSelector('nav');
  await opened.page.goto(`${live.origin}${path}`);
  return opened;
}

const history = (page: Page) => page.getByRole('group', { name: 'History' });

/** How many pixels of the first chart are of another colour than its first one. */
async function drawn(page: Page): Promise<number> {
  return await page.evaluate<number>(`(() => {
    const canvas = document.querySelector('.history canvas');
    if (canvas === null) return 0;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] !== 0) count += 1;
    return count;
  })()`);
}

/** How many pixels of the first chart have the colour of its first line, nearly: edges are soft. */
async function drawnAsLine(page: Page): Promise<number> {
  return await page.evaluate<number>(`(() => {
    const canvas = document.querySelector('.history canvas');
    const probe = document.createElement('i');
    probe.style.color = 'var(--accent)';
    canvas.parentElement.append(probe);
    const wanted = getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
    probe.remove();
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (wanted.every((value, index) => Math.abs(data[at + index] - value) < 40)) count += 1;
    }
    return count;
  })()`);
}

test('with Prometheus: an hour to thirty days, of a service and of an edge', async (t) => {
  t.timeout(300_000);
  const port = await freePort();
  const live = await startLiveMesh(t, [`--prometheus=http://127.0.0.1:${port}`]);
  const controlPlane = `127.0.0.1:${live.mesh.controlPlane.httpPort}`;
  const prometheus = await startShippedPrometheus(t, controlPlane, port);
  await eventually('Prometheus knows requests of both sides', async () => {
    const rate = 'sum by (direction) (rate(hauberk_requests_total{service=~"web|api"}[1m])) > 0';
    return (await prometheus.query(rate)).length === 2 ? true : undefined;
  });

  const { page, complaints } = await open(t, live, '/services/shop/api');
  const requests = history(page).getByText(/^Requests: [\d.]+\/s, at most [\d.]+\/s$/);
  // The points of an hour are half a minute apart: the newest may be before the first scrape.
  await eventually('the newest point has requests', async () => {
    if (await requests.isVisible()) return true;
    await history(page).getByRole('button', { name: '1 hour' }).click();
    return undefined;
  });
  await history(page)
    .getByText(/^Failing: [\d.]+\/s, at most/)
    .waitFor();
  await history(page)
    .getByText(/^p99: [\d.]+ m?s, at most/)
    .waitFor();
  t.true((await drawn(page)) > 100, 'something is drawn');
  for (const name of ['6 hours', '1 day', '7 days', '30 days', '1 hour']) {
    await history(page).getByRole('button', { name }).click();
    await history(page).getByRole('button', { name, pressed: true }).waitFor();
    await history(page).locator('figure').first().waitFor();
  }

  await page.goto(`${live.origin}/mesh`);
  const edge = page.getByRole('button', { name: /^shop\/web to shop\/api:/ });
  await edge.focus();
  await page.keyboard.press('Enter');
  await requests.waitFor();
  t.deepEqual(complaints, []);

  await prometheus.end();
  await history(page).getByRole('button', { name: '7 days' }).click();
  await page
    .getByText(/Prometheus at http:\/\/127\.0\.0\.1:\d+\/ has no history to give: .*ECONNREFUSED/)
    .waitFor();
  await page.getByText(/see that it runs, and that --prometheus leads to it/).waitFor();
});

test('without Prometheus: the hour that is remembered, and where longer history would be', async (t) => {
  t.timeout(300_000);
  const live = await startLiveMesh(t);
  const { page, complaints } = await open(t, live, '/services/shop/api');
  await history(page).getByText('Nothing is remembered yet').waitFor();
  // What is looked at here is remembered in slots of ten seconds, and asked for every half minute.
  await history(page)
    .getByText(/^Requests: [\d.]+\/s, at most [\d.]+\/s$/)
    .waitFor();
  await history(page).getByText('--prometheus').waitFor();
  t.is(await history(page).getByRole('button').count(), 0, 'there is one span');
  t.true((await drawn(page)) > 100, 'something is drawn');
  t.deepEqual(complaints, []);
});

test('a value is drawn that has no other beside it, as after a control plane was started', async (t) => {
  t.timeout(300_000);
  const live = await startLiveMesh(t);
  const { page, complaints } = await open(t, live, '/services/shop/api');
  // What came last is left of what is remembered.
  await page.route('**/api/history?*', async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as HistoryAnswer;
    const last = answer.requests.findLastIndex((value) => value !== null);
    const requests = answer.requests.map((value, at) => (at === last ? value : null));
    await route.fulfill({ response, json: { ...answer, requests } });
  });
  await history(page)
    .getByText(/^Requests: [\d.]+\/s, at most [\d.]+\/s$/)
    .waitFor();
  t.true((await drawnAsLine(page)) > 0);
  t.deepEqual(complaints, []);
});
