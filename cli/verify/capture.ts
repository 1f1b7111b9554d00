import { spawn } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Closeable } from '../../common/lifecycle.ts';
import { readStatistics, type CaptureStatistics } from './capture-statistics.ts';
import type { NamespaceEntry } from './namespace-selector.ts';
import { firstLine, programMissing } from './run-program.ts';
import { VerifyError } from './verify-error.ts';
import { PcapReader } from './wire/pcap-reader.ts';
import type { WireAnalysis } from './wire/wire-analysis.ts';

/** A capture that is running. */
export interface Capture extends Closeable {
  /**
   * Ends the capture, hands every frame of it to the analysis, and tells what tcpdump counted.
   *
   * @throws VerifyError `capture-failed`
   */
  finish(analysis: WireAnalysis): Promise<CaptureStatistics>;
}

/** Room for a burst while tcpdump waits for a processor. */
const BUFFER_KIB = 16_384;

/**
 * Becomes the program that follows, and leaves behind a process that ends it when standard input does: also
 * when this process is killed. A signal for the death of the parent would be lost when tcpdump gives up its rights.
 */
const UNTIL_STDIN_ENDS =
  'exec 3<&0; { read -r _ <&3; kill "$$"; } >/dev/null 2>&1 & exec "$@" </dev/null 3<&-';

/**
 * Starts tcpdump in a network namespace and waits until it captures. It gets an open file to write to: that works
 * also where it gives up its rights or is confined to some folders.
 *
 * @throws VerifyError `program-missing`, `not-permitted`, `place-unknown`, `capture-failed`
 */
export async function startCapture(
  namespace: NamespaceEntry,
  networkInterface: string,
): Promise<Capture> {
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-verify-'));
  const file = await open(join(directory, 'capture.pcap'), 'wx+', 0o600);
  // Open, but without a name: whatever happens, no plaintext stays on the disk.
  await rm(directory, { recursive: true });
  // Complaints are read below, in English.
  const args = [
    'LC_ALL=C',
    ...namespace.enter,
    '/bin/sh',
    '-c',
    UNTIL_STDIN_ENDS,
    'sh',
    'tcpdump',
    `--interface=${networkInterface}`,
    // Each packet is handed over when it comes; otherwise the last ones would be left in the kernel.
    '--immediate-mode',
    `--buffer-size=${BUFFER_KIB}`,
    '--snapshot-length=0',
    '--no-promiscuous-mode',
    '-n',
    '-w',
    '-',
  ];
  const child = spawn('env', args, { stdio: ['pipe', file.fd, 'pipe'] });
  let complaint = '';
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const listening = new Promise<void>((resolve) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
      if (/listening on /.test(complaint)) resolve();
    });
  });
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await file.close();
  };

  await Promise.race([listening, ended]);
  if (!/listening on /.test(complaint)) {
    await close();
    throw explain(complaint, networkInterface, namespace);
  }
  return {
    async finish(analysis) {
      child.kill('SIGINT');
      await ended;
      const statistics = readStatistics(complaint);
      if (statistics === undefined) {
        const reason = firstLine(complaint.replace(/^.*listening on .*\n?/gm, ''));
        throw new VerifyError('capture-failed', `tcpdump ended without its counts: ${reason}`);
      }
      const reader = new PcapReader((frame) => analysis.add(frame));
      for await (const chunk of file.createReadStream({ start: 0, autoClose: false }))
        reader.push(chunk as Buffer);
      reader.end();
      return statistics;
    },
    close,
  };
}

/** Says in one sentence what tcpdump, or nsenter before it, means. */
function explain(
  complaint: string,
  networkInterface: string,
  namespace: NamespaceEntry,
): VerifyError {
  const [, missing] = /(tcpdump|nsenter)\W+(?:No such file|not found)/i.exec(complaint) ?? [];
  if (missing !== undefined) return programMissing(missing);
  if (/permission|not permitted|not allowed/i.test(complaint)) {
    return new VerifyError('not-permitted', 'the system does not let this process capture', {
      hint: 'run it as root, and in a container add the capability NET_RAW (cap_add: [NET_RAW])',
    });
  }
  if (/no such device|does not exist|isn't up/i.test(complaint)) {
    const sentence = `${namespace.name} has no network interface ${networkInterface} to capture on`;
    return new VerifyError('place-unknown', sentence, { hint: 'see ip link' });
  }
  return new VerifyError('capture-failed', `tcpdump failed: ${firstLine(complaint)}`);
}
