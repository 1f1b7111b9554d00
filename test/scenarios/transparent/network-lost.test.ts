/**
 * The container that owned the namespace of a sidecar ends, and its interfaces with it. The sidecar can
 * do nothing there any more: it ends, so that whoever looks after it starts it in the new namespace.
 */
import { within } from '../../helpers/deadline.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'curl');

test('a sidecar whose namespace has lost its interfaces ends with a code of its own', async (t) => {
  const { hosts } = await startTransparentMesh(t, { web: [] });
  await hosts.web.configure('ip link delete eth0');
  t.is(await within('the sidecar ends', hosts.web.sidecar.exited), 4);
  t.regex(
    hosts.web.sidecar.output(),
    /has lost all its interfaces: the container that owned it has/,
  );
});
