/**
 * The history of the real Prometheus that asks who we are: over TLS with a user and a password, or with a certificate.
 * What it refuses is one sentence, without what it was asked with, and files that are replaced are in force at once.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import { createPrometheusHistory } from '../../../control-plane/prometheus/history.ts';
import {
  prometheusEndpoint,
  type PrometheusSettings,
} from '../../../control-plane/server/endpoints/prometheus-endpoint.ts';
import { askDashboard, signedIn, signInWith } from '../../helpers/dashboard/dashboard-client.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { startProtectedPrometheus } from '../../helpers/prometheus/protected-prometheus.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const test = requires('prometheus', 'openssl');

const QUESTION = { to: { namespace: 'shop', service: 'api' }, span: '1h' } as const;

/** Asks as the settings say: `answered`, or the sentence of the refusal. */
async function ask(settings: PrometheusSettings): Promise<string> {
  const endpoint = prometheusEndpoint(settings);
  if (endpoint === undefined) return 'no Prometheus';
  const history = createPrometheusHistory({
    endpoint,
    trustDomain: 'mesh.local',
    clock: systemClock,
  });
  return await history.ask(QUESTION).then(() => 'answered', describeError);
}

async function answers(settings: PrometheusSettings): Promise<void> {
  await eventually('Prometheus answers', async () =>
    (await ask(settings)) === 'answered' ? true : undefined,
  );
}

test('a user with a password over TLS, and nobody else', async (t) => {
  t.timeout(120_000);
  const { url, directory, user, password, files } = await startProtectedPrometheus(t, 'user');
  const passwordFile = path.join(directory, 'password');
  await writeFile(passwordFile, `${password}\n`);
  const right = {
    prometheus: url,
    prometheusCa: files.ca,
    prometheusUser: user,
    prometheusPasswordFile: passwordFile,
  };
  await answers(right);
  const nobody = await ask({ prometheus: url, prometheusCa: files.ca });
  t.regex(nobody, /has no history to give: it asks who we are \(401\); give --prometheus-user/);
  const refused = /: it refuses the credentials \(401\); check the user/;
  t.regex(await ask({ ...right, prometheusUser: 'another' }), refused);
  const untrusted = await ask({ ...right, prometheusCa: undefined });
  t.regex(
    untrusted,
    /its certificate is not trusted: .*; name the authority of it with --prometheus-ca/,
  );
  const byName = url.replace('127.0.0.1', 'localhost');
  t.regex(
    await ask({ ...right, prometheus: byName }),
    /Host: localhost.*and the host as it stands/,
  );
});

test('a certificate that its authority has signed, and no other', async (t) => {
  t.timeout(120_000);
  const { url, files } = await startProtectedPrometheus(t, 'certificate');
  const settings = { prometheus: url, prometheusCa: files.ca };
  await answers({ ...settings, prometheusCert: files.cert, prometheusKey: files.key });
  const refused = /: it asks for a certificate that it trusts; give --prometheus-cert and/;
  t.regex(await ask(settings), refused);
  const { strangerCert: prometheusCert, strangerKey: prometheusKey } = files;
  t.regex(await ask({ ...settings, prometheusCert, prometheusKey }), refused);
});

test('a control plane reads the password again, and shows it nowhere', async (t) => {
  t.timeout(120_000);
  const { url, directory, user, password, files } = await startProtectedPrometheus(t, 'user');
  const passwordFile = path.join(directory, 'password');
  await writeFile(passwordFile, password);
  const mesh = await startMesh(t, {
    controlPlaneArgs: [
      '--dashboard-listen=127.0.0.1:0',
      '--log-level=trace',
      `--prometheus=${url}`,
      `--prometheus-ca=${files.ca}`,
      `--prometheus-user=${user}`,
      `--prometheus-password-file=${passwordFile}`,
    ],
  });
  const told: string[] = [];
  const origin = `http://127.0.0.1:${await mesh.controlPlane.process.port('dashboard')}`;
  const { stdout: link } = await mesh.admin(['dashboard']);
  const code = link.trim().slice(link.indexOf('#') + 1);
  const headers = { ...signedIn(await signInWith(origin, code)) };
  const history = async (): Promise<string> => {
    const question = '/api/history?namespace=shop&service=api&span=1h';
    const { status, body } = await askDashboard(origin, question, { headers });
    told.push(body);
    return `${status} ${body}`;
  };
  const answered = /^200 .*"source":"prometheus"/;
  await eventually('history is shown', async () => answered.test(await history()) || undefined);

  const wrong = 'quite another';
  await writeFile(passwordFile, wrong);
  t.regex(await history(), /^502 .*it refuses the credentials \(401\)/);
  await writeFile(passwordFile, password);
  t.regex(await history(), answered);

  const archive = path.join(mesh.directory, 'report.tar');
  for (const args of [['status', '--json'], ['check'], ['bug-report', '--output', archive]]) {
    const { stdout, stderr } = await mesh.admin(args);
    told.push(stdout, stderr);
  }
  shownNowhere(t, [...told, mesh.output()].join('\n'), [password, wrong], user);
});

function shownNowhere(
  t: ExecutionContext,
  text: string,
  secrets: readonly string[],
  user: string,
): void {
  for (const secret of secrets) {
    t.false(text.includes(secret), 'the password');
    const pair = Buffer.from(`${user}:${secret}`).toString('base64');
    t.false(text.includes(pair), 'the header field');
  }
}
