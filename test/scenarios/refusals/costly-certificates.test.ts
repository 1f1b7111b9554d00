/**
 * Strangers show certificates that take OpenSSL up to 0.4 s to look at, which prove nothing. Each port that
 * asks for certificates lets their address in a few times, and then makes it wait; others do not.
 */
import { once } from 'node:events';
import { connect } from 'node:tls';
import test from 'ava';
import { besiege } from '../../helpers/mesh/besieged-mesh.ts';
import { costlyChain } from '../../helpers/pki/costly-chain.ts';
import { within } from '../../helpers/deadline.ts';
import { hboneOptionsOf } from '../../helpers/clients/peer-credentials.ts';

const AT_ONCE = 20;

test('an address whose certificates cost too much has to wait, on 15008 and on 15012', async (t) => {
  const siege = await besiege(t);
  const { api, mesh } = siege;
  const chain = costlyChain(20);
  for (const [port, metrics, metric, reason] of [
    [api.hbonePort, () => api.metrics(), 'hauberk_handshakes_refused_total', 'too-many'],
    [
      mesh.controlPlane.grpcPort,
      () => mesh.controlPlane.metrics(),
      'hauberk_grpc_handshakes_refused_total',
      'too-many-handshakes',
    ],
  ] as const) {
    const options = { ...hboneOptionsOf(undefined), ...chain, port, localAddress: '127.0.0.7' };
    const knock = async (): Promise<void> => {
      const socket = connect(options);
      socket.on('error', () => {}).resume();
      t.teardown(() => socket.destroy());
      socket.once('secureConnect', () => setImmediate(() => socket.destroy()));
      await within(
        'the end',
        once(socket, 'close').catch(() => undefined),
      );
    };
    const refused = async (): Promise<number> => (await metrics()).sum(metric, { reason });
    t.is(await refused(), 0);
    for (let at = 0; at < 3; at += 1) await knock();
    await Promise.all(Array.from({ length: AT_ONCE }, knock));
    t.true((await refused()) >= AT_ONCE, `${port}: it has to wait`);
  }
  await siege.unharmed(t);
  const late = await mesh.sidecar({ service: 'late', upstreams: ['api:8080'] });
  t.is((await late.metrics()).sum('hauberk_control_plane_connected'), 1);
});
