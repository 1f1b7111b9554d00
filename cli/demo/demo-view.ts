import { styleText } from 'node:util';
import { formatTable } from '../output/table.ts';
import type { DemoMesh } from './demo-mesh.ts';
import type { DemoReport } from './demo-report.ts';

/** Enough of the wire for one line of a terminal. */
const WIRE_SAMPLE_BYTES = 24;
/** The type byte of a TLS record that carries application data (RFC 8446 section 5.1). */
const TLS_APPLICATION_DATA = 23;

/**
 * One frame of the live view, as lines of text.
 *
 * @param dashboard the address that signs a browser in; undefined where none is served any more
 */
export function renderDemo(
  mesh: DemoMesh,
  report: DemoReport,
  nowMs: number,
  dashboard: string | undefined,
): string {
  const title = styleText('bold', 'Hauberk demo');
  const failures = report.failures === 0 ? 'green' : 'red';
  const onWire = report.plaintextOnWire === 0 ? 'green' : 'red';
  return [
    `${title}   client ── HTTP ──> sidecar of web ══ mutual TLS ══> sidecars of api ── HTTP ──> api`,
    '',
    ...(dashboard === undefined
      ? []
      : // On a line of its own: it fits into 80 columns, and can be copied.
        [
          'See the mesh in your browser:',
          styleText('underline', dashboard),
          'or in another terminal, with hauberk top, edges, tap and check, after',
          exportOf(mesh.operatorEnv),
          '',
        ]),
    [
      `requests ${styleText('bold', report.requests.toLocaleString('en'))}`,
      `failures ${styleText(failures, String(report.failures))}`,
      `rotations ${report.rotations}`,
      `handshakes ${report.handshakes}`,
    ].join('   '),
    ...(mesh.totals.lastFailure === '' ? [] : [styleText('red', mesh.totals.lastFailure)]),
    '',
    renderSidecars(mesh, nowMs).trimEnd(),
    '',
    `between client and sidecar: ${styleText('yellow', readable(mesh.plaintextSide.seen.sample))}`,
    `between the sidecars:       ${styleText('cyan', wireSample(mesh))}`,
    `a secret word in every request was readable ${report.plaintextAtApp.toLocaleString('en')} times ` +
      `beside the client, and ${styleText(onWire, `${report.plaintextOnWire} times`)} in ` +
      `${(report.bytesOnWire / 1e6).toFixed(1)} MB on the wire`,
    '',
  ].join('\n');
}

/** A line for a shell, also where the temporary folder has a space in its name. */
export function exportOf(variables: Readonly<Record<string, string>>): string {
  const all = Object.entries(variables).map(([name, value]) => `${name}=${inShell(value)}`);
  return `export ${all.join(' ')}`;
}

function inShell(value: string): string {
  return /^[\w./:-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

function renderSidecars({ sidecars }: DemoMesh, nowMs: number): string {
  const rows = sidecars.map(({ name, serial, notAfterMs, nextRenewalMs, rotations }) => [
    name,
    serial.slice(0, 16),
    seconds(notAfterMs - nowMs),
    seconds(nextRenewalMs - nowMs),
    String(rotations),
  ]);
  return formatTable(['sidecar', 'certificate', 'expires in', 'renews in', 'renewed'], rows);
}

function seconds(ms: number): string {
  return `${Math.max(ms / 1000, 0).toFixed(0)} s`;
}

/** The first line of what is there, as far as it is text. */
function readable(sample: Buffer): string {
  const [line = ''] = sample.toString('latin1').split('\r\n');
  return line.replace(/[^\x20-\x7e]/g, '.');
}

function wireSample({ wire }: DemoMesh): string {
  const sample = wire.find(({ seen }) => seen.sample.length > 0)?.seen.sample ?? Buffer.alloc(0);
  const bytes = sample
    .subarray(0, WIRE_SAMPLE_BYTES)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1 ');
  return sample[0] === TLS_APPLICATION_DATA ? `${bytes} … (a TLS record)` : `${bytes} …`;
}
