/**
 * A real Prometheus scrapes a real control plane by the rules of docs/operations: a single refused
 * certificate is an alert, though it is the first one, and so is a target that is gone.
 */
import { eventually, within } from '../../helpers/deadline.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { type Alert, startShippedPrometheus } from '../../helpers/prometheus/prometheus.ts';
import { requires } from '../../helpers/machine/requirements.ts';

requires('prometheus')(
  'the first refused certificate, and a target that is gone, are alerts',
  async (t) => {
    const mesh = await startMesh(t);
    const prometheus = await startShippedPrometheus(t, `127.0.0.1:${mesh.controlPlane.httpPort}`);
    await eventually('Prometheus has scraped the control plane twice', async () => {
      const found = await prometheus.query('count_over_time(hauberk_build_info[1m]) > 1');
      return found.length === 1 ? true : undefined;
    });
    const firing = async (name: string): Promise<Alert[]> =>
      (await prometheus.alerts()).filter(
        ({ labels, state }) => labels['alertname'] === name && state === 'firing',
      );
    t.deepEqual(await firing('HauberkIssueRefused'), []);

    const wrong = (await mesh.token()).replace(/.{5}$/, 'aaaaa');
    const refused = await mesh.launch({ service: 'web', token: wrong });
    t.not(await within('the sidecar ends', refused.exited), 0);
    const [alert] = await eventually('HauberkIssueRefused fires', async () => {
      const found = await firing('HauberkIssueRefused');
      return found.length > 0 ? found : undefined;
    });
    t.is(alert?.labels['reason'], 'token-unknown');
    t.deepEqual(await firing('HauberkTargetDown'), []);

    await mesh.controlPlane.kill();
    await eventually('HauberkTargetDown fires', async () => {
      const found = await firing('HauberkTargetDown');
      return found.length > 0 ? found : undefined;
    });
  },
);
