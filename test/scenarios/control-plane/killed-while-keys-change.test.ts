/**
 * The control plane is killed while its keys are encrypted anew, or locked, at each step of it. Whatever
 * the moment was, the store is whole: it opens with exactly one of the two keys, the former one or the
 * new one, everything in it opens with that, and a start with it serves.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import type { UnlockKey } from '../../../common/config/unlock-key.ts';
import { askControlSocket, type ControlRequest } from '../../../common/rpc/control-socket.ts';
import { readAuthorities } from '../../../control-plane/ca/authorities/authorities.ts';
import { KeysError } from '../../../control-plane/keys/keys-error.ts';
import { sealedStore } from '../../../control-plane/keys/sealed-store.ts';
import { readVault, unwrapDataKey } from '../../../control-plane/keys/vault.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

type Key = Extract<UnlockKey, { kind: 'key' }>;
const newKey = (): Key => ({ kind: 'key', key: randomBytes(32) });

/** Whether everything opens with this; nothing opens what is not encrypted. */
async function opensWith(store: Store, key: Key | undefined): Promise<boolean> {
  const vault = await readVault(store);
  if (vault === undefined || key === undefined) {
    if ((vault === undefined) !== (key === undefined)) return false;
    return (await readAuthorities(store)).issuer.privateKey.type === 'private';
  }
  let dataKey: Buffer;
  try {
    dataKey = await unwrapDataKey(vault, key);
  } catch (error) {
    if (error instanceof KeysError && error.code === 'unlock-key-wrong') return false;
    throw error;
  }
  const { issuer } = await readAuthorities(sealedStore(store, dataKey));
  return issuer.privateKey.type === 'private';
}

/** A line of the log, and the how manieth of its kind; undefined: at once. */
type Moment = readonly [event: string, times: number] | undefined;

const REKEY: readonly Moment[] = [
  undefined,
  ['store-opened', 2],
  ['store-opened', 3],
  ['ready', 2],
];

interface Change {
  readonly command: 'rekey' | 'lock';
  readonly from: Key | undefined;
  readonly moments: readonly Moment[];
}

const changes: Record<string, Change> = {
  'a rekey': { command: 'rekey', from: newKey(), moments: REKEY },
  'the first encryption': { command: 'rekey', from: undefined, moments: REKEY },
  'a lock': { command: 'lock', from: newKey(), moments: [undefined, ['locked', 1]] },
};

for (const [what, { command, from, moments }] of Object.entries(changes)) {
  for (const moment of moments) {
    const when = moment === undefined ? 'when it is asked for' : `at ${moment.join(' ')}`;
    // One after the other: each starts two control planes.
    test.serial(`killed during ${what}, ${when}`, async (t) => {
      const directory = await temporaryDirectory();
      t.teardown(() => directory[Symbol.asyncDispose]());
      const dataDir = path.join(directory.path, 'data');
      const start = async (key: Key | undefined) => {
        const file = path.join(directory.path, 'unlock.key');
        if (key !== undefined) await writeFile(file, key.key, { mode: 0o600 });
        const started = startHauberk([
          'control-plane',
          `--data-dir=${dataDir}`,
          '--grpc-listen=127.0.0.1:0',
          '--http-listen=127.0.0.1:0',
          ...(key === undefined ? [] : [`--unlock-key-file=${file}`]),
        ]);
        t.teardown(() => started.end('SIGKILL'));
        await started.logged('ready');
        return started;
      };
      const controlPlane = await start(from);
      // It is ready before it can be asked.
      await eventually('it can be asked', () =>
        askControlSocket(dataDir, { command: 'unlock', unlockKey: from }).catch(() => undefined),
      );
      const to = newKey();
      const request: ControlRequest = command === 'lock' ? { command } : { command, unlockKey: to };
      const answer = askControlSocket(dataDir, request).catch(() => undefined);
      if (moment !== undefined) {
        const [event, times] = moment;
        await controlPlane.logged(event, undefined, { times });
      }
      await controlPlane.end('SIGKILL');
      await answer;

      const { logger } = createLogRecorder();
      const store = await openSqliteStore({
        path: path.join(dataDir, 'hauberk.db'),
        clock: systemClock,
        logger,
      });
      const opening = [await opensWith(store, from), await opensWith(store, to)];
      await store.close();
      t.is(opening.filter(Boolean).length, 1, JSON.stringify(opening));
      if (command === 'lock') t.true(opening[0]);
      // The new one is in force before the restart that it leads to.
      if (command === 'rekey' && (moment?.[1] === 3 || moment?.[0] === 'ready')) t.true(opening[1]);
      const again = await start(opening[0] === true ? from : to);
      t.is(await again.end(), 0);
    });
  }
}
