/** A change of phase that fails leaves a control plane that says so and can be unlocked, or ends. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createGuard } from '../../../common/guard.ts';
import { systemClock } from '../../../common/clock.ts';
import type { UnlockKey } from '../../../common/config/unlock-key.ts';
import { toPem } from '../../../common/pki/pem.ts';
import { askControlSocket, type ControlRequest } from '../../../common/rpc/control-socket.ts';
import { startLockable } from '../../../control-plane/server/lock.ts';
import { DEFAULT_STORE } from '../../helpers/mesh/default-store.ts';
import { within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const newKey = (): UnlockKey => ({ kind: 'key', key: randomBytes(32) });

/** One that serves its bundle with a certificate of a file, which a test makes wrong. */
async function rig(t: ExecutionContext, unlockKey: UnlockKey | undefined) {
  const directory = await temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  const [bundleCert, bundleKey] = ['cert.pem', 'key.pem'].map((name) => join(directory.path, name));
  const { privateKey, chain } = createTestAuthority().workload('shop', 'web');
  const mend = (): Promise<void> => writeFile(bundleCert ?? '', toPem(chain));
  await mend();
  await writeFile(bundleKey ?? '', privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const { logger, of } = createLogRecorder();
  // It listens there again and again, between which nobody else may.
  const local = async () => ({ host: '127.0.0.1', port: await freePort() });
  const settings = {
    dataDir,
    ...DEFAULT_STORE,
    grpcListen: await local(),
    httpListen: await local(),
    advertise: [],
    trustDomain: 'mesh.local',
    certificateLifetime: 3600,
    renewAfterExpiry: 0,
    operatorRenewal: 0,
    writeToken: [],
    issueWithoutStore: false,
    meshConfig: undefined,
    issuerCert: undefined,
    issuerKey: undefined,
    bundleListen: await local(),
    bundleCert,
    bundleKey,
    drainTimeout: 0,
  };
  const controlPlane = await startLockable(
    settings,
    { clock: systemClock, logger, guard: createGuard({ clock: systemClock, logger }) },
    unlockKey,
  );
  t.teardown(async () => {
    await controlPlane[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });
  return {
    controlPlane,
    dataDir,
    of,
    spoil: () => writeFile(bundleCert ?? '', 'garbage'),
    mend,
    ask: async (request: ControlRequest) => (await askControlSocket(dataDir, request)).message,
    async health(): Promise<string> {
      const port = of('listening').findLast(({ listener }) => listener === 'http')?.['port'];
      return (await fetch(`http://127.0.0.1:${Number(port)}/healthz`)).text();
    },
  };
}

test('an unlock that fails leaves it locked, and can be tried again', async (t) => {
  const unlockKey = newKey();
  const { controlPlane, ask, spoil, mend, health } = await rig(t, unlockKey);
  await ask({ command: 'lock' });
  await spoil();
  await t.throwsAsync(ask({ command: 'unlock', unlockKey }), {
    message: /certificate of the bundle endpoint/,
  });
  t.is(controlPlane.state, 'locked');
  t.regex(await health(), /locked/);
  await mend();
  t.is(await ask({ command: 'unlock', unlockKey }), 'the keys are unlocked');
  t.is(controlPlane.state, 'unlocked');
  t.notRegex(await health(), /locked/);
});

for (const before of [newKey(), undefined]) {
  const what = before === undefined ? 'keys that were not encrypted' : 'encrypted keys';
  test(`a rekey of ${what} that cannot start again leaves it locked with the new key`, async (t) => {
    const { controlPlane, ask, spoil, mend, health } = await rig(t, before);
    await spoil();
    const unlockKey = newKey();
    await t.throwsAsync(ask({ command: 'rekey', unlockKey }), {
      message: /certificate of the bundle endpoint/,
    });
    t.is(controlPlane.state, 'locked');
    t.regex(await health(), /locked/);
    await mend();
    await t.throwsAsync(ask({ command: 'unlock', unlockKey: before ?? newKey() }), {
      message: /does not unlock/,
    });
    t.is(await ask({ command: 'unlock', unlockKey }), 'the keys are unlocked');
  });
}

test('one that can start in no way ends, instead of serving nothing', async (t) => {
  const { controlPlane, ask, dataDir, of } = await rig(t, undefined);
  await rename(join(dataDir, 'hauberk.db'), join(dataDir, 'elsewhere.db'));
  await mkdir(join(dataDir, 'hauberk.db'));
  await t.throwsAsync(ask({ command: 'rekey', unlockKey: newKey() }));
  await t.throwsAsync(within('the end is told', controlPlane.failed));
  t.is(of('restart-failed').length, 1);
});
