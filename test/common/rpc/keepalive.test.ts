import { once } from 'node:events';
import test from 'ava';
import { createChannel } from '../../../common/rpc/channel.ts';
import { DiscoveryClient } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { FROM_NOTHING, helloMessage } from '../../../proxy/discovery/sync/messages.ts';
import { cableTo } from '../../helpers/machine/cable.ts';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

test('a control plane that is gone without a word is noticed by its silence', async (t) => {
  const authority = createTestAuthority();
  await using controlPlane = await startTestControlPlane({ authority });
  await using cable = await cableTo(controlPlane.port);
  const channel = createChannel({
    address: { host: '127.0.0.1', port: cable.port },
    trustDomain: 'mesh.local',
    roots: [authority.root.certificate],
    identity: authority.workload('shop', 'web'),
    keepaliveMs: 50,
    keepaliveTimeoutMs: 200,
  });
  const call = channel.client(DiscoveryClient).sync();
  const failed = once(call, 'error');
  call.resume();
  const hello = { instanceId: 'a', softwareVersion: '1', allow: [] };
  call.write(
    helloMessage(hello, { addresses: [], hbonePort: 0, ports: [], anyPort: false }, FROM_NOTHING),
  );
  const stream = await controlPlane.nextStream();
  // Many PINGs fit in here: while they are answered nothing ends.
  const quiet = Promise.withResolvers<void>();
  setTimeout(quiet.resolve, 500);
  const first = await Promise.race([quiet.promise.then(() => 'alive'), failed, stream.ended]);
  t.is(first, 'alive');

  cable.cut();
  const [error] = (await within('the silence to be noticed', failed)) as [unknown];
  t.is(channel.explain(error).code, 'unreachable');
  channel.close();
});
