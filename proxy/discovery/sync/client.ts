import { formatHostPort } from '../../../common/network/listen.ts';
import { isDeepStrictEqual } from 'node:util';
import type { EpochMs, Timer } from '../../../common/clock.ts';
import { afterByEither } from '../../../common/dates.ts';
import { describeError } from '../../../common/errors.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { readBundle } from '../../../common/wire/bundle.ts';
import { readPolicy } from '../../../common/wire/policy.ts';
import { repeat } from '../../../common/repeat.ts';
import { QUICK_KEEPALIVE } from '../../../common/rpc/channel.ts';
import type { RpcError } from '../../../common/rpc/rpc-error.ts';
import type { SidecarReport } from '../../../common/wire/report.ts';
import type {
  Policy as PolicyMessage,
  SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { TrustBundle as BundleMessage } from '../../../proto/gen/hauberk/v1/identity.ts';
import type { OpenConnection } from '../../identity/renewal/open-connection.ts';
import { hurryDelayMs } from '../../identity/renewal/schedule.ts';
import type { MeshView } from '../mesh-view.ts';
import type { ViewUpdate } from '../mutable-view.ts';
import { createSyncConnection } from './connection.ts';
import { Conversations, type Conversation } from './conversation.ts';
import { isOfOneIssuer, isRevoked, moveDelayMs } from './follow-renewal.ts';
import { acknowledgementMessage, GOODBYE, helloMessage, readResponse } from './messages.ts';
import { retryMs } from './retry.ts';
import type { SyncCredentials } from './credentials.ts';
import type { AdvertisedAddresses, SyncClientSettings } from './settings.ts';
import { openSyncStream, type SyncStream } from './stream.ts';

/** The sidecar's end of the Sync stream. */
export interface SyncClient extends Closeable {
  /** What is known of the mesh; stays as it is while the control plane is unreachable. */
  readonly view: MeshView;
  /** True while a stream is open and has answered. */
  readonly connected: boolean;
  /** Resolves when a control plane has answered for the first time, or none could be reached. */
  readonly tried: Promise<void>;
  /** The connection of the stream, for other calls to the control plane; undefined while there is no stream. */
  readonly openConnection: OpenConnection | undefined;
  /**
   * Withdraws this sidecar's endpoint, because it drains: peers stop to open tunnels to it. The
   * stream goes on, and so does the view. Resolves when that was sent, or cannot be.
   */
  goodbye(): Promise<void>;
  /** Ends the stream; resolves when the view is on disk. */
  close(): Promise<void>;
}

const REPORT_INTERVAL_MS = 3_000;
/** A sidecar that drains does not wait longer for a control plane that does not read. */
const GOODBYE_TIMEOUT_MS = 1_000;
/** While the control plane is unreachable there is one line for each reason, and one every so often. */
const LOST_LOG_INTERVAL_MS = 30_000;
/** What a draining sidecar says when it has to connect again: it only calls. */
const NOWHERE: AdvertisedAddresses = { addresses: [], hbonePort: 0, ports: [], anyPort: false };

/**
 * Keeps one Sync stream open until `close`, whatever happens to the control planes: at the first in this process's order
 * that answers. When one before it is back, the stream moves there, after a while that differs from process to process.
 */
export function createSyncClient(settings: SyncClientSettings): SyncClient {
  const { clock, controlPlanes, identity, interest, logger, random, saved } = settings;
  const { view } = saved;
  const trustDomain = identity.current().bundle.trustDomain;
  let draining = false;
  let announced = NOWHERE;
  let lost: { reason: string; loggedMs: number } | undefined;
  let lastReport: SidecarReport | undefined;
  let connectedTo: string | undefined;
  const conversations = new Conversations({
    interest,
    view,
    unconfirmed: saved.unconfirmed,
    resumeVersion: () => saved.resumeVersion,
  });
  let taking = false;
  /** Until the stream moves to a connection with the certificate in use. */
  let moving: Timer | undefined;
  /** The highest version that a message had since the last snapshot. */
  let newestVersion = view.version;
  const { promise: tried, resolve: setTried } = Promise.withResolvers<void>();

  function open(): SyncStream {
    const advertised = draining ? NOWHERE : settings.hello();
    announced = advertised;
    const address = controlPlanes.pick();
    const conversation = conversations.begin();
    return openSyncStream({
      channel: {
        ...(controlPlanes.count > 1 && QUICK_KEEPALIVE),
        address,
        trustDomain,
      },
      credentials: identity.current(),
      conversation,
      hello: helloMessage(settings, advertised, conversation.start),
      onResponse: handle,
      onAnswered(stream) {
        controlPlanes.answered(address);
        connection.answered(stream);
      },
      onEnded(ended, error) {
        controlPlanes.failed(address, error);
        // What an earlier certificate was refused for says nothing about the one in use.
        if (isInUse(ended)) settings.onEnded?.(error);
        connection.ended(ended, error);
        follow();
        // What the stream that it was to replace has said meanwhile was not heard, nor will be what it says.
        const left = connection.stream;
        if (left === undefined || !conversations.isPast(left.conversation)) return;
        if (conversations.isHeard(ended.conversation)) connection.replace();
        else connection.ended(left, error);
      },
      answerTimeoutMs: controlPlanes.timeoutMs(address),
      clock,
    });
  }

  async function handle(response: SyncResponse, stream: SyncStream): Promise<void> {
    const { change } = response;
    if (change?.$case === 'serverTime') {
      const epochMs = change.value.epochMs as EpochMs;
      saved.revocations.serverTime(epochMs);
      return settings.onServerTime?.(epochMs);
    }
    if (change?.$case === 'watch') return settings.onWatch?.(change.value, stream);
    if (change?.$case === 'question') return settings.onQuestion?.(change.value, stream);
    const { conversation } = stream;
    const update = readResponse(response, { logger, trustDomain });
    // What an older stream says late must not take back a change of the policy, or a readmission.
    if (update === undefined || !conversations.hear(conversation)) return;
    // Only the first answer of a stream may be older than the view: the store was restored then, and there is nothing newer.
    const isOlder = response.version < view.version && stream.answered;
    const isSnapshot = update.view.kind === 'snapshot';
    if (isSnapshot && isOlder) return;
    const isNews = isSnapshot || response.version > newestVersion;
    if (isNews) newestVersion = response.version;
    const policy = isNews ? update.policy : undefined;
    // First of all: no caller is allowed without one, and what it forbids must end soon.
    const taken = policy === undefined || takePolicy(policy);
    // Roots before the endpoints, which may have certificates from the new one.
    if (update.bundle !== undefined) await takeBundle(update.bundle);
    // A root that was dropped must not be brought back.
    if (isNews && update.federated !== undefined) saved.federation.replace(update.federated);
    // Before the endpoints: a revoked peer must not be dialled.
    if (isNews) saved.revocations.merge(update.revocations);
    if (!conversations.isHeard(conversation)) return;
    take(conversation, update.view);
    saved.touch();
    ask(stream);
    // A policy that is not in use must not pass for one that is.
    if (taken) acknowledge(response.version, stream);
  }

  /** What is learnt changes what is wanted: that is asked for afterwards, as it changes the view again. */
  function take(conversation: Conversation, update: ViewUpdate): void {
    taking = true;
    try {
      conversation.take(update);
    } finally {
      taking = false;
    }
  }

  /** What was learnt may wait for an answer on the same stream before it is in force: the stream goes on meanwhile. */
  function acknowledge(version: number, stream: SyncStream): void {
    const message = acknowledgementMessage(version, identity.current().bundle.version);
    const inForce = settings.inForce?.();
    if (inForce === undefined) return stream.send(message);
    inForce.then(
      () => stream.send(message),
      (error: unknown) => {
        const sentence = `version ${version} is not acknowledged: ${describeError(error)}`;
        logger.warn({ event: 'not-in-force', viewVersion: version }, sentence);
      },
    );
  }

  /** Asks for what is wanted and was not asked for, once the stream has answered what it was asked before. */
  function ask(stream: SyncStream): void {
    const { conversation } = stream;
    if (conversation.isOutgrown) {
      // One that is under way to replace it is not given up for another: when it is there, it is asked itself.
      if (connection.state.kind === 'live') connection.replace();
      return;
    }
    const change = conversation.nextChange();
    if (change !== undefined) stream.send(change);
  }

  /** False when it cannot be used: the one in force stays, and without one no caller is allowed. */
  function takePolicy(message: PolicyMessage): boolean {
    const { configVersion: version } = message;
    try {
      const policy = readPolicy(message);
      const rules = policy.policy.rules.length;
      saved.takePolicy(policy);
      const sentence = `the policy of version ${version} of the mesh configuration is in force`;
      logger.info({ event: 'policy-taken', configVersion: version, ruleCount: rules }, sentence);
      return true;
    } catch (error) {
      saved.policyMissed();
      logger.error(
        { event: 'policy-refused', configVersion: version },
        `the policy from the control plane is not used: ${describeError(error)}`,
      );
      return false;
    }
  }

  async function takeBundle(message: BundleMessage): Promise<void> {
    try {
      await settings.onBundle(readBundle(message, trustDomain));
    } catch (error) {
      logger.error(
        { event: 'bundle-refused', bundleVersion: message.version },
        `the trust bundle from the control plane is not used: ${describeError(error)}`,
      );
    }
  }

  function onLive(stream: SyncStream): void {
    settings.onTaken?.();
    setTried();
    ask(stream);
    const target = formatHostPort(stream.target.host, stream.target.port);
    if (lost !== undefined || connectedTo !== target) {
      logger.info(
        { event: 'sync-connected', controlPlane: target, viewVersion: view.version },
        'connected to the control plane',
      );
    }
    connectedTo = target;
    lost = undefined;
    lastReport = undefined;
    // This one may have said hello before the drain began.
    if (draining) stream.send(GOODBYE);
    report(stream);
    follow();
  }

  function onLost(error: RpcError, retryInMs: number): void {
    if (!controlPlanes.hasOther()) setTried();
    const nowMs = clock.monotonicMs();
    const known = lost?.reason === error.code;
    if (known && lost !== undefined && nowMs - lost.loggedMs < LOST_LOG_INTERVAL_MS) return;
    lost = { reason: error.code, loggedMs: nowMs };
    logger.warn(
      { event: 'sync-lost', reason: error.code, controlPlane: controlPlanes.text, retryInMs },
      `no Sync stream, the view of the mesh stays as it is: ${describeError(error)}`,
    );
  }

  function report(stream: SyncStream): void {
    const current = settings.report();
    if (isDeepStrictEqual(current, lastReport)) return;
    lastReport = current;
    stream.send({ message: { $case: 'report', value: current } });
  }

  function move(): void {
    const { addresses } = settings.hello();
    logger.info(
      { event: 'place-changed', addresses },
      'the addresses of this sidecar have changed',
    );
    connection.replace();
  }

  /** The one that this process would rather call is back, or has come. */
  function returnToFirst(stream: SyncStream): void {
    if (connection.state.kind !== 'live') return;
    if (!isDeepStrictEqual(controlPlanes.pick(), stream.target)) connection.replace();
  }

  function isInUse({ credentials }: SyncStream): boolean {
    return credentials.chain[0].raw.equals(identity.current().chain[0].raw);
  }

  /** Moves the stream to a connection with the certificate in use, when it is not on one: at some time before its own ends. */
  function follow(delay = moveDelayMs): void {
    moving?.cancel();
    moving = undefined;
    const { stream } = connection;
    if (stream === undefined || isInUse(stream)) return;
    moving = afterByEither(clock, delay(stream.credentials, random, clock), () => {
      // One that is under way is heard of when it has answered, or failed.
      if (connection.state.kind === 'live') connection.replace();
    });
  }

  function renewed(current: SyncCredentials): void {
    const { stream } = connection;
    // Which root is in use the control plane sees by what streams were opened with.
    const mayWait = stream !== undefined && isOfOneIssuer(stream.credentials, current);
    if (!mayWait) connection.replace();
    follow();
  }

  const connection = createSyncConnection({
    clock,
    open,
    onLive,
    onLost,
    retryMs: (failures) => retryMs(failures, controlPlanes, random),
  });
  const reports = repeat(clock, REPORT_INTERVAL_MS, () => {
    if (connection.stream !== undefined) report(connection.stream);
    if (connection.stream !== undefined) returnToFirst(connection.stream);
    if (!draining && !isDeepStrictEqual(settings.hello(), announced)) move();
  });
  const stops = [
    identity.onChange((current, change) => {
      if (change === 'leaf') renewed(current);
      // Roots are acknowledged, and revocations told, for the certificate that a stream was opened with.
      else if (moving !== undefined && (change === 'bundle' || isRevoked(current))) {
        follow(hurryDelayMs);
      }
    }),
    interest.onChange(() => {
      if (!taking && connection.stream !== undefined) ask(connection.stream);
    }),
  ];

  return {
    view,
    tried,
    get openConnection() {
      const { stream } = connection;
      if (stream === undefined) return undefined;
      const { target, channel, credentials } = stream;
      const { bundle, chain } = credentials;
      return { target, channel, leaf: chain[0], roots: bundle.roots };
    },
    get connected() {
      return connection.stream !== undefined;
    },
    async goodbye() {
      draining = true;
      const { stream } = connection;
      if (stream === undefined) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = clock.after(GOODBYE_TIMEOUT_MS, resolve);
      stream.send(GOODBYE, resolve);
      await promise;
      timer.cancel();
    },
    async close() {
      for (const stop of stops) stop();
      reports.stop();
      moving?.cancel();
      connection.close();
      await saved.close();
    },
  };
}
