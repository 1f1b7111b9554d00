/** The pages of a mesh in which one sidecar is of a version before reports: they go on, and say what is missing. */
import { openPage, startBrowser } from '../helpers/dashboard/browser.ts';
import { startLiveMesh } from '../helpers/dashboard/live-mesh.ts';
import { OLDER_VERSION, startOlderSidecar } from '../helpers/mesh/older-sidecar.ts';
import { requires } from '../helpers/machine/requirements.ts';

const test = requires('chromium');

test('an older sidecar is shown as it is, and missed where it does not report', async (t) => {
  t.timeout(240_000);
  const live = await startLiveMesh(t);
  const browser = await startBrowser(t);
  const { page, complaints } = await openPage(t, browser);
  await page.goto(await live.link());
  await page.locator('.edge').first().waitFor();
  const missing = page.getByText(/1 of 6 sidecars do not report what passes them/);
  t.is(await page.getByText(/do not report/).count(), 0);

  const where = { namespace: 'shop', service: 'legacy' };
  const { instanceId } = await startOlderSidecar(t, live.mesh, where);
  await page.getByRole('button', { name: /^legacy: 1 of 1 sidecar/ }).waitFor();
  await missing.waitFor();
  await page
    .getByRole('button', { name: /^shop\/web to shop\/api: [\d.]+\/s .*requests/ })
    .waitFor();

  await page.goto(`${live.origin}/services/shop/legacy`);
  await page.getByText(OLDER_VERSION).first().waitFor();
  await page.getByText(instanceId).first().waitFor();

  await page.goto(`${live.origin}/tap`);
  await page.getByText(/1 of 6 sidecars cannot tell what passes them/).waitFor();
  await page.getByText('5 sidecars tell').waitFor();
  const lines = page.getByRole('region', { name: 'Connections and requests' }).locator('tbody tr');
  await lines.first().waitFor();

  await page.goto(`${live.origin}/policy`);
  await page.getByText('+    - name: front').waitFor();
  t.deepEqual(complaints, []);
});
