/**
 * The pages of the dashboard in the machine's Chromium, with a mesh of real processes behind them: what each shows,
 * that it can be used by keyboard and screen reader, on a phone and on a wall, and that it asks nobody else.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import { axeFindings } from '../helpers/dashboard/axe.ts';
import { openPage, startBrowser, type TestPage } from '../helpers/dashboard/browser.ts';
import { type LiveMesh, MESH_CONFIG, startLiveMesh } from '../helpers/dashboard/live-mesh.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';

const { serial: test } = requires('chromium');
const scope = fileScope();

/** One mesh and one browser for all tests of this file. */
let starting: Promise<readonly [LiveMesh, Browser]> | undefined;
const shared = (): Promise<readonly [LiveMesh, Browser]> =>
  (starting ??= Promise.all([startLiveMesh(scope), startBrowser(scope)]));

/** A page of the mesh that is open. */
type Opened = TestPage & { readonly mesh: LiveMesh };

/** Opens the page for a test, which fails also when the page had to complain of something. */
function pageTest(
  title: string,
  path: string,
  run: (t: ExecutionContext, opened: Opened) => Promise<void>,
  { allowChanges = false } = {},
): void {
  test(title, async (t) => {
    t.timeout(170_000);
    const [mesh, browser] = await shared();
    const { page, complaints } = await openPage(t, browser);
    await page.goto(await mesh.link(allowChanges));
    await page.waitForSelector('nav');
    await page.goto(`${mesh.origin}${path}`);
    await run(t, { page, complaints, mesh });
    t.deepEqual(complaints, []);
  });
}

const main = (page: Page) => page.locator('main');

pageTest(
  'mesh: services are nodes with their health, by keyboard too, and as a list',
  '/mesh',
  async (t, { page }) => {
    const api = page.getByRole('button', { name: /^api: 2 of 2 sidecars/ });
    await api.waitFor();
    t.regex(await main(page).innerText(), /4 services, 5 of 5 sidecars connected/);
    await api.focus();
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary');
    t.regex(await panel.innerText(), /Ports\s+8080/);

    await page.getByLabel('Filter').fill('data');
    await page.getByRole('button', { name: /^db:/ }).waitFor();
    t.is(await api.count(), 0);
    await page.getByLabel('Filter').fill('');
    await page.getByRole('button', { name: 'By namespace' }).click();
    await page.getByRole('button', { name: /^shop: 2 services, 3\/3 sidecars/ }).waitFor();
    await page.getByRole('button', { name: 'As a list' }).click();
    await page.getByRole('link', { name: 'reports' }).click();
    await page.getByRole('heading', { name: 'reports' }).waitFor();
  },
);

pageTest(
  'mesh: what passes is told as it passes, with its lock, its failures and the rule that decides',
  '/mesh',
  async (t, { page }) => {
    const edge = (name: RegExp) => page.getByRole('button', { name });
    const calls = edge(
      /^shop\/web to shop\/api: [\d.]+\/s [\d.]+ m?s \(requests, 99 of 100 within\), encrypted/,
    );
    await calls.waitFor();
    await edge(/^shop\/api to data\/db: [\d.]+\/s .*requests.*, encrypted/).waitFor();
    const refused = edge(
      /^data\/reports to shop\/api: .*[\d.]+\/s failing \(connections\), encrypted/,
    );
    await refused.waitFor();
    t.is(await page.locator('.edge').count(), 3);
    t.regex((await refused.textContent()) ?? '', /[\d.]+\/s failing/);

    await refused.focus();
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary');
    await panel.getByText('the rule front allows other callers only').first().waitFor();
    t.regex(
      await panel.innerText(),
      /mutual TLS[\s\S]*Connections\s+0\/s[\s\S]*denied-caller[\s\S]*To do: name it there/,
    );
    await calls.focus();
    await page.keyboard.press('Enter');
    await panel.getByText(/p99\s+[\d.]+ m?s/).waitFor();
    await panel.getByText('allowed', { exact: true }).first().waitFor();

    await page.getByRole('button', { name: 'In trouble' }).click();
    await calls.waitFor({ state: 'detached' });
    t.is(await refused.count(), 1);
    await page.getByRole('button', { name: 'In trouble' }).click();
    await page.getByRole('button', { name: 'By namespace' }).click();
    await edge(/^shop\/ to data\/: .*requests.*, encrypted/).waitFor();
  },
);

pageTest(
  'tap: requests and refusals as they happen, by the filter that is given',
  '/tap',
  async (t, { page }) => {
    const lines = page
      .getByRole('region', { name: 'Connections and requests' })
      .locator('tbody tr');
    const line = (text: RegExp) => lines.filter({ hasText: text }).first();
    await line(/web\.shop\s*api\.shop:8080\s*GET \/ http1\s*200/).waitFor();
    await line(/reports\.data\s*api\.shop:8080\s*connection denied\s*denied-caller/).waitFor();
    t.is(await lines.filter({ hasText: 'connection opened' }).count(), 0);
    await page.getByRole('button', { name: 'Openings' }).click();
    await line(/connection opened/).waitFor();

    await page.getByLabel('From').fill('api.shop');
    await page.getByLabel('Port').fill('5432');
    await page.getByRole('button', { name: 'Tap', exact: true }).click();
    await line(/api\.shop\s*db\.data:5432\s*GET \/ http1\s*200/).waitFor();
    t.is(await lines.filter({ hasText: ':8080' }).count(), 0);
    t.regex(page.url(), /\/tap\?from=api\.shop&port=5432$/);
    await page.getByText(/2 sidecars tell/).waitFor();
  },
);

pageTest(
  'service: its sidecars, with certificate, ports and view',
  '/services/shop/api',
  async (t, { page }) => {
    await page
      .getByRole('heading', { name: /^Sidecar/ })
      .nth(1)
      .waitFor();
    const text = await main(page).innerText();
    t.regex(text, /spiffe:\/\/mesh\.local\/ns\/shop\/sa\/api/);
    t.regex(text, /Exposed ports\s+8080/);
    t.regex(text, /5\d min \d+ s left/);
    t.is(await page.locator('meter').count(), 2);
    t.is(await page.getByRole('button', { name: /Revoke/ }).count(), 0, 'it may only look');
  },
);

pageTest(
  'service: what fails now, with what docs/errors.md says to do',
  '/services/shop/api',
  async (t, { page }) => {
    const failing = page.getByRole('region', { name: 'What fails now' });
    await failing.getByText('denied-caller').waitFor();
    await failing.getByText(/To do: name it there, if it should be allowed/).waitFor();
    t.regex(await failing.innerText(), /data\/reports\s+shop\/api:8080/);
  },
);

pageTest(
  'certificates: root, issuance log with search, tokens; the chain is verified',
  '/certificates',
  async (t, { page }) => {
    const log = page.getByRole('region', { name: 'Issued certificates' });
    await log.getByText('reports').waitFor();
    t.regex(await main(page).innerText(), /Root expires[\s\S]*9 y 364 d left/);
    await page.getByLabel('Search the issuance log').fill('web.shop');
    await log.getByText('reports').waitFor({ state: 'detached' });
    t.is(await log.getByText('web').count(), 1);
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/All \d+ entries are as they were sealed/).waitFor();
    t.is(await page.getByRole('region', { name: 'Join tokens' }).getByText('active').count(), 2);
  },
);

pageTest(
  'policy: versions with their difference, the rule that decides, what would change',
  '/policy',
  async (t, { page }) => {
    await page.getByText('+    - name: front').waitFor();
    await page.getByLabel('From').fill('reports.data');
    await page.getByLabel('To', { exact: true }).fill('api.shop');
    await page.getByLabel('Port').fill('8080');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.getByText('because the rule front allows other callers only').waitFor();

    const draft = page.getByLabel('A configuration to try');
    await draft.fill('authorization:\n  rulez: []\n');
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByText(/line 2, column 3: .*"rulez" is unknown/).waitFor();
    await draft.fill('authorization:\n  rules: []\n');
    await page.getByRole('button', { name: 'Try it' }).click();
    const changed = page.getByRole('region', { name: 'Decisions that would change' });
    await changed.getByText('reports.data').first().waitFor();
    t.is(await page.getByRole('button', { name: 'Apply it' }).count(), 0, 'it may only look');
  },
);

pageTest(
  'with --allow-changes: a confirmation names what will happen, and it happens',
  '/certificates',
  async (t, { page, mesh }) => {
    await mesh.mesh.token(['--namespace', 'spare']);
    await page.reload();
    const row = page.getByRole('row').filter({ hasText: 'spare/*' });
    await row.getByRole('button', { name: 'Revoke' }).click();
    const dialog = page.getByRole('dialog');
    t.regex(await dialog.innerText(), /for\s+spare\/\*\s+lets nobody in any more/);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    t.is(await row.getByText('revoked').count(), 0);
    await row.getByRole('button', { name: 'Revoke' }).click();
    await dialog.getByRole('button', { name: 'Revoke the token' }).click();
    await row.getByText('revoked').waitFor();
  },
  { allowChanges: true },
);

test('what another operator has applied since a configuration was tried is not undone by applying it', async (t) => {
  t.timeout(170_000);
  const [live, browser] = await shared();
  const { page } = await openPage(t, browser);
  await page.goto(await live.link(true));
  await page.waitForSelector('nav');
  await page.goto(`${live.origin}/policy`);
  await page.getByText('+    - name: front').waitFor();
  await page.getByLabel('A configuration to try').fill(`${MESH_CONFIG}# mine\n`);
  await page.getByRole('button', { name: 'Try it' }).click();
  const apply = page.getByRole('button', { name: 'Apply it …' });
  await apply.waitFor();

  const theirs = join(live.mesh.directory, 'theirs.yaml');
  await writeFile(theirs, `${MESH_CONFIG}# theirs\n`);
  t.is((await live.mesh.admin(['apply', '-f', theirs])).code, 0);
  await page.getByText('+# theirs').waitFor();
  await apply.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Apply it' }).click();
  await dialog.getByText('version 2 is in force, not 1').waitFor();
});

pageTest(
  'policy with --allow-changes: what is tried changes nothing, what is applied does what was said, and is undone',
  '/policy',
  async (t, { page, mesh }) => {
    const mayReportsCall = async (): Promise<boolean> => {
      const query = ['authz', 'explain', '--from=reports.data', '--to=api.shop:8080', '--json'];
      const { stdout } = await mesh.mesh.admin(query);
      return (JSON.parse(stdout) as { allowed: boolean }).allowed;
    };
    const inForce = async (): Promise<number> => {
      const heading = page.getByRole('heading', { name: /^In force: version \d+/ });
      return Number(/\d+/.exec(await heading.innerText())?.[0]);
    };
    const version = await inForce();
    const draft = page.getByLabel('A configuration to try');
    const tryIt = page.getByRole('button', { name: 'Try it' });
    const apply = page.getByRole('button', { name: 'Apply it …' });
    await tryIt.click();
    await page.getByText('None would change.').waitFor();
    t.is(await apply.count(), 0, 'what is in force already');

    await draft.fill(MESH_CONFIG.replace('[web.shop]', '[web.shop, reports.data]'));
    await tryIt.click();
    const changed = page.getByRole('region', { name: 'Decisions that would change' });
    await changed.locator('tbody tr', { hasText: 'reports.data' }).waitFor();
    t.is(await changed.locator('tbody tr').count(), 1);
    t.regex(await changed.innerText(), /api\.shop:8080\s+refused\s+allowed/);
    t.false(await mayReportsCall(), 'it was only tried');
    await draft.press('End');
    await draft.pressSequentially(' ');
    await apply.waitFor({ state: 'detached' });
    await tryIt.click();
    await apply.click();
    const dialog = page.getByRole('dialog');
    t.regex(await dialog.innerText(), /One decision changes;\s+0 connections that are\s+allowed/);
    await dialog.getByRole('button', { name: 'Apply it' }).click();
    await page.getByText(`In force: version ${version + 1}`).waitFor();
    t.true(await mayReportsCall());

    const before = page
      .getByRole('row')
      .filter({ has: page.getByText(`${version}`, { exact: true }) });
    await before.getByRole('button', { name: 'Roll back to it' }).click();
    await dialog.getByRole('button', { name: `Roll back to ${version}` }).click();
    await page.getByText(`In force: version ${version + 2}`).waitFor();
    t.false(await mayReportsCall());
  },
  { allowChanges: true },
);

pageTest(
  'events: what happened, the newest first, by kind and by word, with what to do',
  '/events',
  async (t, { page, mesh }) => {
    const rows = page.getByRole('region', { name: 'Events' }).locator('tbody tr');
    const row = (text: string | RegExp) => rows.filter({ hasText: text }).first();
    await row('version 1 of the mesh configuration is in force').waitFor();
    await row(/the sidecar .* of spiffe:\/\/mesh\.local\/ns\/shop\/sa\/web/).waitFor();

    const stranger = await mesh.mesh.launch({
      service: 'stranger',
      token: await mesh.mesh.token(['--namespace', 'other']),
    });
    await stranger.exited;
    const refused = row('refused a certificate');
    await refused.getByText('token-wrong-identity').first().waitFor();
    await refused.getByText(/To do: compare --namespace and --service/).waitFor();

    await page.getByRole('button', { name: 'configuration' }).click();
    await refused.waitFor({ state: 'detached' });
    t.true((await rows.count()) > 0);
    await page.getByRole('button', { name: 'configuration' }).click();
    await page.getByRole('button', { name: 'Only trouble' }).click();
    await row('of the mesh configuration is in force').waitFor({ state: 'detached' });
    await refused.waitFor();
    await page.getByLabel('Filter').fill('nothing is called like this');
    await page.getByText('No event fits.').waitFor();
  },
);

test('the link works once, and the address keeps no code', async (t) => {
  t.timeout(170_000);
  const [mesh, browser] = await shared();
  const { page } = await openPage(t, browser);
  const link = await mesh.link();
  await page.goto(link);
  await page.waitForSelector('nav');
  t.notRegex(page.url(), /#/);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('hauberk dashboard', { exact: true }).waitFor();
  await page.goto('about:blank');
  await page.goto(link);
  await page.getByText('this sign-in link was used already').waitFor();
});

for (const [path, content] of [
  ['/mesh', '.edge'],
  ['/mesh?view=list', 'tbody tr'],
  ['/services/shop/api', 'meter'],
  ['/certificates', 'tbody tr'],
  ['/policy', '.card'],
  ['/tap', 'tbody tr'],
  ['/events', 'tbody tr'],
] as const) {
  pageTest(
    `${path}: axe finds nothing, light and dark, and nothing sticks out of 360 and 2,560 px`,
    path,
    async (t, { page }) => {
      await page.locator(content).first().waitFor();
      await page.getByText('Loading').first().waitFor({ state: 'detached' });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        t.deepEqual(await axeFindings(page), [], colorScheme);
      }
      for (const width of [360, 2_560]) {
        await page.setViewportSize({ width, height: 860 });
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
        t.true(wide <= width, `${wide} px`);
      }
    },
  );
}
