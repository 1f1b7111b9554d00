/**
 * The picture of a mesh with 200 services in ten namespaces, in the machine's Chromium: it begins with what a person
 * can take in, leads to each service by filter and by keyboard, and stays where it is while figures come in.
 */
import type { ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import { axeFindings } from '../helpers/dashboard/axe.ts';
import { openPage, startBrowser, type TestPage } from '../helpers/dashboard/browser.ts';
import {
  NAMESPACES,
  SERVICES_OF_EACH,
  SIDECARS,
  startLargeMesh,
  type LargeMesh,
} from '../helpers/dashboard/large-mesh.ts';
import { eventually } from '../helpers/deadline.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';

const { serial: test } = requires('chromium');
const scope = fileScope();

let starting: Promise<readonly [LargeMesh, Browser]> | undefined;
const shared = (): Promise<readonly [LargeMesh, Browser]> =>
  (starting ??= Promise.all([startLargeMesh(scope), startBrowser(scope)]));

const SERVICES = NAMESPACES.length * SERVICES_OF_EACH;
/** Of the picture of all services: eight for each, ten for each edge, and what is around it. */
const MOST_ELEMENTS = 6_500;

/** Opens the picture, and waits until what passes is drawn. */
async function openMesh(t: ExecutionContext): Promise<TestPage & { readonly mesh: LargeMesh }> {
  t.timeout(240_000);
  const [mesh, browser] = await shared();
  const { page, complaints } = await openPage(t, browser);
  await page.goto(await mesh.link());
  await page.locator('.edge').first().waitFor();
  return { page, complaints, mesh };
}

const nodes = (page: Page) => page.locator('.node');
const filter = (page: Page) => page.getByLabel('Filter');
const panel = (page: Page) => page.getByRole('complementary');

async function settled(t: ExecutionContext, page: Page, many: number): Promise<void> {
  await eventually(`${many} nodes are drawn`, async () =>
    (await nodes(page).count()) === many ? true : undefined,
  );
  t.true((await page.evaluate<number>('document.querySelectorAll("*").length')) < MOST_ELEMENTS);
}

/** What has the focus: its key in the picture, or its text. */
const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(
    'document.activeElement.dataset.key ?? document.activeElement.textContent.trim()',
  );

/** Where each node is. */
const places = (page: Page): Promise<Record<string, string>> =>
  page.evaluate(`Object.fromEntries(
    Array.from(document.querySelectorAll('.node'), (node) => {
      const box = node.querySelector('.box');
      return [node.dataset.key, box.getAttribute('x') + ' ' + box.getAttribute('y')];
    }),
  )`);

function toPoint(place: string | undefined): readonly number[] {
  return (place ?? '').split(' ').map(Number);
}

test('it begins with namespaces, which a filter opens as far as it leads', async (t) => {
  const { page, complaints } = await openMesh(t);
  await page.getByText(`${SERVICES} services, `).waitFor();
  await settled(t, page, NAMESPACES.length);
  await page.getByRole('button', { name: /^billing: 20 services, \d+\/21 sidecars/ }).waitFor();
  await page.getByRole('button', { name: /^accounts\/ to billing\/: .*requests/ }).waitFor();
  const [size] = await page.evaluate<number[]>(
    'Array.from(document.querySelectorAll(".graph .label"), (one) => one.getBoundingClientRect().height)',
  );
  t.true((size ?? 0) >= 9, `it can be read: ${size} px`);

  await filter(page).fill('billing-1');
  await settled(t, page, 11);
  await page.getByRole('button', { name: /^billing-19: 1 of 1 sidecar/ }).waitFor();
  await filter(page).fill('catalog/');
  await settled(t, page, SERVICES_OF_EACH);
  await filter(page).fill('nothing is called like this');
  await page.getByText('Nothing fits the filter.').waitFor();
  await filter(page).fill('');
  await settled(t, page, NAMESPACES.length);

  await page.getByRole('button', { name: 'As a list' }).click();
  const rows = page.locator('tbody tr');
  await rows.nth(SERVICES - 1).waitFor();
  t.is(await rows.count(), SERVICES);
  await filter(page).fill('jobs-7');
  await page.getByRole('link', { name: 'jobs-7' }).waitFor();
  await rows.nth(1).waitFor({ state: 'detached' });
  t.is(await rows.count(), 1);
  t.deepEqual(complaints, []);
});

test('by keyboard alone: from namespace to service to those that it has to do with, and back', async (t) => {
  const { page, complaints } = await openMesh(t);
  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const hasFocus = (what: string) =>
    eventually(`${what} has the focus`, async () =>
      (await focused(page)) === what ? true : undefined,
    );
  await page.getByRole('button', { name: 'As a list' }).focus();
  await press('Tab', 'Tab');
  await hasFocus('accounts/');
  await press('ArrowRight');
  await hasFocus('accounts/ → billing/');
  await press('ArrowRight');
  await hasFocus('billing/');
  await press('Enter');
  await hasFocus('billing');
  await press('Escape');
  await hasFocus('billing/');
  t.is(await panel(page).count(), 0);
  await press('Enter');
  await hasFocus('billing');
  await press('Tab', 'Tab');
  await hasFocus('Unfold it');
  await press('Enter');
  await hasFocus('billing/billing-0');
  await settled(t, page, NAMESPACES.length - 1 + SERVICES_OF_EACH);

  await press('Enter');
  await hasFocus('billing-0');
  await press('Tab', 'Tab', 'Tab');
  await hasFocus('Only this one');
  await press('Enter');
  await hasFocus('billing/billing-0');
  // Two of its own namespace, one of the next, and the one that calls it.
  await settled(t, page, 5);
  await press('Home');
  await hasFocus('accounts/accounts-0');
  // The picture is one stop of the tabulator, which is where the focus was last.
  await page.locator('[data-key="accounts/accounts-0"][tabindex="0"]').waitFor();
  t.is(await page.locator('.graph [tabindex="0"]').count(), 1);
  await press('Tab');
  await hasFocus('+');
  const all = page.getByRole('button', { name: 'Only billing/billing-0' });
  await all.focus();
  await press('Enter');
  await hasFocus('billing/billing-0');
  await settled(t, page, NAMESPACES.length - 1 + SERVICES_OF_EACH);
  t.deepEqual(complaints, []);
});

test('all services at once: nothing moves while figures and sidecars come and go', async (t) => {
  const { page, complaints, mesh } = await openMesh(t);
  await page.getByRole('button', { name: 'By namespace' }).click();
  await settled(t, page, SERVICES);
  const service = page.locator('[data-key="jobs/jobs-3"]');
  await service.focus();
  const before = await places(page);
  mesh.leave('billing');
  await page.getByText(`${SIDECARS - 1} of ${SIDECARS} sidecars connected`).waitFor();
  await page.getByRole('button', { name: /^billing-0: 1 of 2 sidecars/ }).waitFor();
  t.deepEqual(await places(page), before);
  t.is(await focused(page), 'jobs/jobs-3');

  await mesh.join('billing', 'billing-late');
  await page.locator('[data-key="billing/billing-late → billing/billing-0"]').waitFor();
  await settled(t, page, SERVICES + 1);
  const after = await places(page);
  const shifts = Map.groupBy(Object.keys(before), (key) => {
    const [x = 0, y = 0] = toPoint(after[key]);
    const [fromX = 0, fromY = 0] = toPoint(before[key]);
    return `${x - fromX} ${y - fromY}`;
  });
  const together = Math.max(...Array.from(shifts.values(), ({ length }) => length));
  t.true(together >= SERVICES - 5, `${together} stay where they are to each other`);
  t.is(await focused(page), 'jobs/jobs-3');
  const titles = await page.locator('.area text').allTextContents();
  t.true(titles.length > 0 && new Set(titles).size === titles.length, titles.join('; '));
  await filter(page).fill('late');
  await settled(t, page, 1);
  t.deepEqual(complaints, []);
});

test('axe finds nothing, light and dark, and nothing sticks out of 360 and 2,560 px', async (t) => {
  const { page, complaints } = await openMesh(t);
  for (const picture of ['namespaces', 'services'] as const) {
    if (picture === 'services') {
      await page.getByRole('button', { name: 'By namespace' }).click();
      await page.locator('.node[data-kind="service"]').first().waitFor();
    }
    await nodes(page).first().focus();
    await page.keyboard.press('Enter');
    await panel(page).waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      t.deepEqual(await axeFindings(page), [], `${picture}, ${colorScheme}`);
    }
    for (const width of [360, 2_560]) {
      await page.setViewportSize({ width, height: 860 });
      const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
      t.true(wide <= width, `${picture}: ${wide} px`);
    }
    await page.setViewportSize({ width: 1_280, height: 860 });
    await page.getByRole('button', { name: 'Close' }).click();
  }
  t.deepEqual(complaints, []);
});
