import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { formatJoinToken } from '../../../common/pki/join-token/join-token.ts';
import type { HostPort } from '../../../common/config/address.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { createIdentityManager, type IdentityManager } from '../../../proxy/identity/manager.ts';
import type { IdentityManagerSettings } from '../../../proxy/identity/manager-settings.ts';
import { fixedToken } from '../../../proxy/identity/token-source.ts';
import { within } from '../deadline.ts';
import { createLogRecorder, type LogRecorder } from '../log-recorder.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';
import { targetsOf } from '../targets.ts';
import type { TestAuthority } from './test-authority.ts';

/** The workload that the tests of this folder are about. */
export const WEB = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

/** A token that a test control plane of this authority takes. */
export function tokenFor(authority: TestAuthority): string {
  const digest = rootDigest(authority.root.certificate);
  return formatJoinToken({ rootDigest: digest, id: 'test', secret: 's'.repeat(25) });
}

/** What a manager is made with in a test, and what it did. */
export interface IdentityUnderTest {
  readonly clock: ManualClock;
  readonly log: LogRecorder;
  /** Reasons of the renewals that failed, so far. */
  readonly failures: readonly string[];
  readonly renewals: number;
  /** Resolves at the next renewal, or failure of one. */
  nextResult(): Promise<'renewed' | 'failed'>;
  readonly create: (
    settings: Partial<IdentityManagerSettings> & {
      readonly token?: string | undefined;
      /** The only one. */
      readonly controlPlane?: HostPort;
    },
  ) => Promise<IdentityManager>;
}

/** Everything around a manager, with a clock that stands still and randomness that does not vary. */
export function identityUnderTest(startMs = Date.now()): IdentityUnderTest {
  const clock = createManualClock(startMs);
  const log = createLogRecorder();
  const failures: string[] = [];
  let renewals = 0;
  let result = Promise.withResolvers<'renewed' | 'failed'>();
  const settle = (outcome: 'renewed' | 'failed'): void => {
    const settled = result;
    result = Promise.withResolvers();
    settled.resolve(outcome);
  };
  return {
    clock,
    log,
    failures,
    get renewals() {
      return renewals;
    },
    nextResult: () => within('a renewal, or a failure of one', result.promise),
    create: async ({ token, controlPlane = { host: '127.0.0.1', port: 1 }, ...settings }) =>
      createIdentityManager({
        spiffeId: WEB,
        controlPlanes: await targetsOf([controlPlane], settings.clock ?? clock),
        stateDirectory: '/nonexistent',
        clock,
        logger: log.logger,
        metrics: {
          renewed() {
            renewals += 1;
            settle('renewed');
          },
          renewalFailed(reason) {
            failures.push(reason);
            settle('failed');
          },
        },
        random: () => 0.5,
        ...(token === undefined ? {} : { tokens: fixedToken('HAUBERK_TOKEN', token) }),
        ...settings,
      }),
  };
}
