import { constants } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileAtomically, probeDirectory } from '../../common/files/atomic-file.ts';
import type { Clock } from '../../common/clock.ts';
import { storedDate, storedMoment } from '../../common/dates.ts';
import { describeError, systemErrorCode, translating } from '../../common/errors.ts';
import { checkDigest, withDigest } from '../../common/files/file-digest.ts';
import {
  isLockWithoutRoom,
  lockDirectory,
  type DirectoryLock,
} from '../../common/files/directory-lock.ts';
import { makeDirectory } from '../../common/files/make-directory.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { bundleField, pemChain, pemKey } from '../../common/pki/pem-fields.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { IdentityError } from './identity-error.ts';
import type { WorkloadIdentity } from './source.ts';

/** What a sidecar takes up again after a restart. */
export interface StoredState {
  /** Tells the instances of one service apart; made once, kept for ever. */
  readonly instanceId: string;
  readonly identity: WorkloadIdentity;
}

/** The file that holds key, chain, bundle and instance id: one, so that they always fit together. */
export interface StateDirectory {
  /**
   * Reads the state; `undefined` when there is none yet.
   *
   * @param expected whose state it has to be
   * @throws IdentityError `state-unreadable`, `state-mode`, `state-corrupt`, `state-foreign`
   */
  load(expected: SpiffeId): Promise<StoredState | undefined>;
  /** Resolves when a state could be saved. Throws IdentityError `state-unwritable`. */
  probe(): Promise<void>;
  /** Resolves when the state is on disk. Throws IdentityError `state-unwritable`. */
  save(state: StoredState): Promise<void>;
  /** Renames a state that cannot be used, and says to what. Throws IdentityError `state-unwritable`. */
  setAside(nowMs: number): Promise<string>;
}

const FILE_NAME = 'identity.json';
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const OTHERS = 0o077;

const storedSchema = z.object({
  format: z.literal(1),
  instanceId: z.string().min(1),
  privateKey: pemKey,
  chain: pemChain,
  bundle: bundleField.omit({ withdrawn: true }),
  receivedMs: storedDate,
  lifetimeMs: z.number().positive(),
});

/**
 * Opens the state directory, making it (0700) when it is missing.
 *
 * A full disk is no mistake of the configuration, and passes: the sidecar starts with a state that was saved
 * before. Who is about to ask for a certificate calls `probe`.
 *
 * @throws IdentityError `state-unwritable`: no right to, or a disk that is read-only
 */
export async function openStateDirectory(path: string, clock: Clock): Promise<StateDirectory> {
  const file = join(path, FILE_NAME);
  const probe = (): Promise<void> => writing(path, () => probeDirectory(path));
  await writing(path, async () => {
    makeDirectory(path, DIRECTORY_MODE);
    await probeDirectory(path).catch((error: unknown) => {
      if (!isFull(error)) throw error;
    });
  });
  return {
    probe,
    async load(expected) {
      const text = await read(file);
      if (text === undefined) return undefined;
      const state = parsed(file, text, clock);
      const found = state.identity.spiffeId.uri;
      if (found !== expected.uri) {
        const sentence = `expected the state of ${expected.uri} in ${file}, but it is that of ${found}`;
        const hint = 'give each service a state directory of its own';
        throw new IdentityError('state-foreign', sentence, { hint });
      }
      return state;
    },
    save: ({ instanceId, identity }) =>
      writing(file, () => {
        const receivedMs = identity.received.epochMs;
        const stored = { format: 1 as const, instanceId, ...identity, receivedMs };
        const text = JSON.stringify(withDigest(z.encode(storedSchema, stored)), null, 2);
        return writeFileAtomically(file, `${text}\n`, FILE_MODE);
      }),
    async setAside(nowMs) {
      const aside = `${file}.unusable-${nowMs}`;
      await writing(file, () => rename(file, aside));
      return aside;
    },
  };
}

/**
 * Keeps other sidecars out of the directory until it is closed, or this process ends: two would take each
 * other's certificate away, and be one instance to the control plane.
 *
 * @throws IdentityError `state-locked`, `state-unwritable`
 */
export function lockState(path: string): DirectoryLock {
  const lock = translating(
    () => lockDirectory(path),
    (cause) => unwritable(path, cause),
  );
  if (lock !== undefined) return lock;
  throw new IdentityError('state-locked', `another sidecar has the state directory ${path} open`, {
    hint: 'stop the other one, or give each sidecar a state directory of its own',
  });
}

function parsed(file: string, text: string, clock: Clock): StoredState {
  try {
    const written: unknown = JSON.parse(text);
    checkDigest(written);
    const stored = storedSchema.parse(written);
    const { instanceId, privateKey, bundle, receivedMs, lifetimeMs } = stored;
    const [leaf, ...issuers] = stored.chain;
    if (leaf?.checkPrivateKey(privateKey) !== true) {
      throw new Error('the key is not that of the leaf');
    }
    const received = storedMoment(clock, receivedMs);
    const chain = [leaf, ...issuers] as const;
    const spiffeId = peerSpiffeId(leaf);
    return { instanceId, identity: { spiffeId, privateKey, chain, bundle, received, lifetimeMs } };
  } catch (cause) {
    // The cause is kept for debugging only: a parser's message may quote the key.
    const sentence = `expected the state of a sidecar in ${file}, got something else`;
    const hint = 'start once with a join token, and the sidecar makes a new one';
    throw new IdentityError('state-corrupt', sentence, { cause, hint });
  }
}

async function read(file: string): Promise<string | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDONLY);
    // On the open file, so that it cannot be swapped in between.
    const { mode } = await handle.stat();
    if ((mode & OTHERS) !== 0) throw tooOpen(file, mode);
    return await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new IdentityError('state-unreadable', `cannot read ${file}: ${describeError(error)}`, {
      cause: error,
      hint: 'let the user that the sidecar runs as own its state directory',
    });
  } finally {
    await handle?.close();
  }
}

function tooOpen(file: string, mode: number): IdentityError {
  const got = (mode & 0o777).toString(8).padStart(4, '0');
  const sentence = `expected mode 0600 on ${file}, which holds a private key, got ${got}`;
  const hint = `run chmod 600 on it, or remove it and enrol again when others may have read it`;
  return new IdentityError('state-mode', sentence, { hint });
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

function isFull(error: unknown): boolean {
  return FULL.has(systemErrorCode(error) ?? '') || isLockWithoutRoom(error);
}

async function writing(path: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): IdentityError {
  return new IdentityError('state-unwritable', `cannot write ${path}: ${describeError(cause)}`, {
    cause,
    hint: isFull(cause)
      ? 'free space on its file system'
      : 'point the state directory at one that the sidecar may write to',
  });
}
