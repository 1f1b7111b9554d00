/**
 * What passes unencrypted is the loudest thing on the page: a host whose sidecar lets a stranger in, and that calls
 * the stranger, in network namespaces, with Chromium beside the control plane.
 */
import { openPage, startBrowser } from '../helpers/dashboard/browser.ts';
import { eventually } from '../helpers/deadline.ts';
import { startTransparentMesh } from '../helpers/netns/transparent-mesh.ts';
import { requires } from '../helpers/machine/requirements.ts';

const test = requires('chromium', 'network-namespaces', 'nft', 'ip', 'curl');
const CURL = ['curl', '-sS', '--max-time', '10'] as const;

test('plaintext of both directions is drawn loudly, and named with the peer', async (t) => {
  t.timeout(170_000);
  const mesh = await startTransparentMesh(t, { web: ['--inbound=permissive'] });
  const { stranger, hosts, network, admin } = mesh;
  const browser = await startBrowser(t, { through: network.hosts.control.through });
  const { page, complaints } = await openPage(t, browser);
  await page.goto((await admin('dashboard')).trim());
  await page.getByRole('button', { name: /^web: 1 of 1 sidecar/ }).waitFor();

  const [incoming, outgoing] = [
    page.getByRole('button', { name: new RegExp(`^${stranger.ipv4} to shop/web: .*unencrypted`) }),
    page.getByRole('button', { name: new RegExp(`^shop/web to ${stranger.ipv4}: .*unencrypted`) }),
  ];
  await eventually('both are drawn', async () => {
    await stranger.run(...CURL, `http://${hosts.web.ipv4}:8080/`);
    await hosts.web.run(...CURL, `http://${stranger.ipv4}:8080/`);
    return (await incoming.count()) + (await outgoing.count()) === 2 ? true : undefined;
  });
  t.is(await page.locator('.edge[data-state="loud"]').count(), 2);
  await page.getByText(/Unencrypted: \d+ connections passed in plaintext at/).waitFor();
  await outgoing.focus();
  await page.keyboard.press('Enter');
  await page.getByText('This passes unencrypted').waitFor();
  await page.getByRole('button', { name: 'In trouble' }).click();
  t.is(await page.locator('.edge').count(), 2);
  await page.getByRole('button', { name: 'As a list' }).click();
  await page.getByRole('link', { name: 'web', exact: true }).click();
  await page
    .getByRole('region', { name: 'What passes unencrypted' })
    .getByText(`${stranger.ipv4}:8080`)
    .first()
    .waitFor();
  t.deepEqual(complaints, []);
});
