import { formatHostPort } from '../../common/network/listen.ts';
import type { Evidence } from './evidence.ts';
import { hasPassed, judge, peerOnWire, type CheckName } from './verdict.ts';

/** How the checks are called in the report for people. */
const TITLES: Readonly<Record<CheckName, string>> = {
  capture: 'the capture is complete',
  'canary-at-application': 'the canary arrived',
  'canary-on-wire': 'the canary on the wire',
  'encrypted-on-wire': 'encrypted on the wire',
  'tls-version': 'TLS version',
  'no-certificate': 'a client without a certificate',
  'other-authority': 'a client of another authority',
  'wrong-identity': 'a client with the wrong identity',
  'old-tls': 'a client with TLS 1.2',
};

const MARKS = { pass: 'ok', fail: 'FAILED', 'not-tried': 'not tried' } as const;

/** The report for people. */
export function formatReport(evidence: Evidence): string {
  const checks = judge(evidence);
  const { from, to, called, networkInterface, durationMs } = evidence;
  const titleWidth = Math.max(...Object.values(TITLES).map(({ length }) => length));
  const markWidth = Math.max(...Object.values(MARKS).map(({ length }) => length));
  const lines = checks.map(({ check, outcome, finding }) =>
    `  ${MARKS[outcome].padEnd(markWidth)}  ${TITLES[check].padEnd(titleWidth)}  ${finding}`.trimEnd(),
  );
  const failed = checks.filter(({ outcome }) => outcome === 'fail');
  const place = formatHostPort(called.host, called.port);
  const seconds = (durationMs / 1_000).toFixed(1);
  return [
    `${from} -> ${to} (${place}), captured on ${networkInterface} of ${from} for ${seconds} s`,
    '',
    ...lines,
    '',
    ...visibleLines(evidence),
    '',
    hasPassed(checks)
      ? 'passed: the traffic between the two is encrypted on the wire'
      : `failed: ${failed.map(({ check }) => TITLES[check]).join(', ')}`,
    '',
  ].join('\n');
}

function visibleLines(evidence: Evidence): string[] {
  const { serverNames = [], protocols = [] } = peerOnWire(evidence) ?? {};
  const names =
    serverNames.length === 0 ? 'no server name' : `server name ${serverNames.join(', ')}`;
  const offered = protocols.length === 0 ? 'no protocol' : `protocol ${protocols.join(', ')}`;
  const rows = evidence.wire.servers.map(
    ({ address, port, connections, bytesTo, bytesFrom, connectionsNotTls }) =>
      `  ${formatHostPort(address, port)}: ${connections} connection${connections === 1 ? '' : 's'}, ${bytesTo} bytes there, ` +
      `${bytesFrom} back${connectionsNotTls > 0 ? `, ${connectionsNotTls} without TLS` : ''}`,
  );
  return [
    'Still visible: addresses, ports, sizes and timing of',
    ...rows,
    `  and in the handshakes ${names} (SNI), ${offered} (ALPN)`,
  ];
}
