import type { ProbeKind, ProbeOutcome } from './agent/agent-task.ts';
import type { Evidence } from './evidence.ts';
import type { WireServer } from './wire/wire-analysis.ts';

/** The parts of the proof. */
export type CheckName =
  | 'capture'
  | 'canary-at-application'
  | 'canary-on-wire'
  | 'encrypted-on-wire'
  | 'tls-version'
  | ProbeKind;

/** One part of the proof. */
export interface Check {
  readonly check: CheckName;
  readonly outcome: 'pass' | 'fail' | 'not-tried';
  /** What was seen: a phrase. */
  readonly finding: string;
}

const TLS_1_3 = 'TLS 1.3';

/**
 * Judges what was seen. Every doubt is a failure: a canary that was not read anywhere, packets that the
 * capture lost, a sidecar that was not running to refuse a client.
 */
export function judge(evidence: Evidence): readonly Check[] {
  return [
    checkCapture(evidence),
    checkApplication(evidence),
    checkCanaries(evidence),
    checkEncrypted(evidence),
    checkVersion(evidence),
    ...evidence.probes.map(checkProbe),
  ];
}

/** Whether the proof holds: nothing failed. */
export function hasPassed(checks: readonly Check[]): boolean {
  return checks.every(({ outcome }) => outcome !== 'fail');
}

/** What was seen of the tunnels to the peer. */
export function peerOnWire({ wire, peer }: Evidence): WireServer | undefined {
  return wire.servers.find(({ address, port }) => address === peer.host && port === peer.port);
}

function checkCapture({ capture, wire }: Evidence): Check {
  const check = 'capture';
  const problems = [
    wire.frames === 0 && 'no packet was captured',
    wire.frames !== capture.captured &&
      `tcpdump wrote ${capture.captured} packets and the file has ${wire.frames}`,
    capture.dropped > 0 && `${capture.dropped} packets were dropped by the capture`,
    wire.truncatedFrames > 0 && `${wire.truncatedFrames} packets were captured in part only`,
    wire.gaps > 0 && `bytes are missing in ${wire.gaps} places of the captured connections`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) return { check, outcome: 'fail', finding: problems.join(', ') };
  const finding = `${wire.frames} packets, ${wire.bytes} bytes, none dropped`;
  return { check, outcome: 'pass', finding };
}

function checkApplication({ application }: Evidence): Check {
  const { sent, received, answered, receivedBy, failure } = application;
  const arrived = received >= sent && answered >= sent && sent > 0;
  const counts = `${sent} sent, ${received} read at ${receivedBy}, ${answered} answered`;
  return {
    check: 'canary-at-application',
    outcome: arrived ? 'pass' : 'fail',
    finding: arrived || failure === undefined ? counts : `${counts}: ${failure}`,
  };
}

function checkCanaries({ wire }: Evidence): Check {
  const seen = wire.canaries.reduce((total, count) => total + count, 0);
  return {
    check: 'canary-on-wire',
    outcome: seen === 0 ? 'pass' : 'fail',
    finding: seen === 0 ? 'read 0 times' : `read ${seen} times: it is plaintext`,
  };
}

/** That the canary was not seen proves nothing, if what carried it did not come by here at all. */
function checkEncrypted(evidence: Evidence): Check {
  const check = 'encrypted-on-wire';
  const { host, port } = evidence.peer;
  const place = `${host} port ${port}`;
  const server = peerOnWire(evidence);
  if (server === undefined) {
    return { check, outcome: 'fail', finding: `no connection to ${place} was captured` };
  }
  const { encryptedBytesTo: to, encryptedBytesFrom: from, connectionsNotTls } = server;
  const { bytesThere, bytesBack } = evidence.application;
  const amounts = `${to} bytes there and ${from} back in TLS records to ${place}`;
  if (connectionsNotTls > 0) {
    const finding = `${connectionsNotTls} connections to ${place} were not TLS`;
    return { check, outcome: 'fail', finding };
  }
  if (to >= bytesThere && from >= bytesBack) return { check, outcome: 'pass', finding: amounts };
  const needed = `fewer than the ${bytesThere} and ${bytesBack} of the application`;
  return { check, outcome: 'fail', finding: `${amounts}, ${needed}: the rest took another path` };
}

function checkVersion(evidence: Evidence): Check {
  const check = 'tls-version';
  const { versions = [] } = peerOnWire(evidence) ?? {};
  if (versions.length === 0)
    return { check, outcome: 'fail', finding: 'no handshake was captured' };
  const outcome = versions.every((version) => version === TLS_1_3) ? 'pass' : 'fail';
  return { check, outcome, finding: `${versions.join(', ')} in every handshake that was captured` };
}

function checkProbe({ probe, result, detail }: ProbeOutcome): Check {
  if (result === 'not-tried') return { check: probe, outcome: 'not-tried', finding: detail };
  return {
    check: probe,
    outcome: result === 'refused' ? 'pass' : 'fail',
    finding: result === 'unclear' ? `nothing proven: ${detail}` : `${result}: it ${detail}`,
  };
}
