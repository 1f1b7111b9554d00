/**
 * The real Prometheus finds a whole mesh with the configuration that is shipped: control plane, sidecars and gateway,
 * with their labels. A sidecar that is killed is missed, one that takes its leave is not.
 */
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { startShippedPrometheus } from '../../helpers/prometheus/prometheus.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const LISTENERS = `
  - name: web
    listen: 127.0.0.1:0
    protocol: HTTP
    routes: [{ backend: api.shop:8080 }]
`;

requires('prometheus')(
  'Prometheus finds control plane, sidecars and gateway, and misses those that are lost',
  async (t) => {
    t.timeout(300_000);
    const mesh = await startMesh(t);
    const app = await startHttpApp(t, 'hello');
    const api = await mesh.sidecar({
      service: 'api',
      namespace: 'shop',
      expose: [`8080=127.0.0.1:${app.port}`],
    });
    const web = await mesh.sidecar({ service: 'web', namespace: 'shop' });
    const gateway = await startGateway(t, mesh, LISTENERS);
    const controlPlane = `127.0.0.1:${mesh.controlPlane.httpPort}`;
    const prometheus = await startShippedPrometheus(t, controlPlane);

    const found = async (): Promise<string[]> =>
      (await prometheus.targets()).map(({ labels, health }) => {
        const { role, namespace, service } = labels;
        return `${role} ${service}.${namespace} ${health}`;
      });
    const settles = (what: string, wanted: readonly string[]): Promise<unknown> =>
      eventually(what, async () => {
        const now = (await found()).toSorted();
        return now.join() === wanted.join() ? true : undefined;
      });
    const others = ['control-plane control-plane.hauberk up', 'gateway edge.default up'];
    await settles('all four are scraped', [
      ...others,
      'sidecar api.shop up',
      'sidecar web.shop up',
    ]);
    const [view] = await prometheus.query('hauberk_view_version{role="sidecar",service="api"}');
    t.regex(view?.metric['instance'] ?? '', /^api\.shop\/[-0-9a-f]{36}$/);
    t.is((await prometheus.query('hauberk_gateway_connections_open{role="gateway"}')).length, 1);

    await Promise.all([api.process.end('SIGKILL'), web.process.end('SIGTERM')]);
    await settles('the one that was killed is missed', [...others, 'sidecar api.shop down']);
    await eventually('HauberkTargetDown fires for it', async () => {
      const alerts = await prometheus.alerts();
      const down = alerts.filter(
        ({ labels, state }) => labels['alertname'] === 'HauberkTargetDown' && state === 'firing',
      );
      return down.some(({ labels }) => labels['service'] === 'api') ? true : undefined;
    });
    await mesh.revive(api);
    await settles('it is back', [...others, 'sidecar api.shop up']);
    t.is(gateway.process.log.filter(({ level }) => level === 'error').length, 0);
  },
);
