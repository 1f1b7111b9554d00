import { parseHostPort, type HostPort } from '../../common/config/address.ts';
import {
  type CommandSpec,
  setting,
  switchSetting,
  type SettingsOf,
} from '../../common/config/settings.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { filePath, hostPort, text, valueType } from '../../common/config/values.ts';
import { listenForInterrupt } from '../../common/process/interrupt.ts';
import { canonicalAddress } from '../../common/network/ip-address.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { findAdmin } from '../verify/find-admin.ts';
import { findNamespace } from '../verify/find-namespace.ts';
import {
  parseNamespaceSelector,
  type NamespaceEntry,
  type NamespaceSelector,
} from '../verify/namespace-selector.ts';
import type { Evidence } from '../verify/evidence.ts';
import { formatReport } from '../verify/report.ts';
import { runVerify, type VerifyRequest } from '../verify/run-verify.ts';
import { hasPassed, judge } from '../verify/verdict.ts';

/** Where a sidecar takes tunnels, unless it was told otherwise. */
const HBONE_PORT = 15_008;

const namespaceSelector = valueType<NamespaceSelector>('a place', parseNamespaceSelector);

/** An address of a sidecar, and its port where that is not the usual one. */
const sidecar = valueType<HostPort>('ADDRESS or ADDRESS:PORT', (raw) => {
  const address = canonicalAddress(raw);
  if (address !== undefined) return { host: address, port: HBONE_PORT };
  const { host, port } = parseHostPort(raw);
  const canonical = canonicalAddress(host);
  return canonical === undefined ? undefined : { host: canonical, port };
});

const settings = {
  from: setting(namespaceSelector, {
    description: 'place where connections are made',
    placeholder: 'PLACE',
  }),
  to: setting(namespaceSelector.optional(), {
    description: 'where they are answered, by a test server on a port of its own',
    placeholder: 'PLACE',
  }),
  through: setting(hostPort.optional(), {
    description: 'instead of --to: call this HTTP server, at the address that the application uses',
    placeholder: 'HOST:PORT',
  }),
  project: setting(text.optional(), {
    description: 'the Compose project that PLACE is a service of',
    placeholder: 'NAME',
  }),
  peer: setting(sidecar.optional(), {
    description: 'address of the sidecar that answers, where it cannot be found out',
    placeholder: 'ADDRESS[:PORT]',
    advanced: true,
  }),
  interface: setting(text.optional(), {
    description: 'where to capture, in the source',
    placeholder: 'NAME',
    defaultText: 'the one in the network of the peer',
    advanced: true,
  }),
  admin: setting(filePath.optional(), {
    description:
      'the admin credential, which a sidecar must refuse; with --project the command finds it',
    placeholder: 'FILE',
  }),
  json: switchSetting({ description: 'print JSON (docs/json-output.md) instead of text' }),
};

type VerifySettings = SettingsOf<typeof settings>;

const SPEC: CommandSpec<typeof settings> = {
  name: 'hauberk verify',
  summary:
    'Proves that two services are encrypted on the wire: sends random texts both ways between them in ' +
    'plaintext, as applications do, while tcpdump captures what leaves. The texts must arrive, and ' +
    'must never be readable in between. Clients without a valid identity must be refused. Needs ' +
    'root and tcpdump, on the host of the services.',
  settings,
  examples: [
    {
      purpose: 'two services of the Compose project "shop"',
      line: 'hauberk verify --project shop --from web --to api',
    },
    {
      purpose: 'two network namespaces, or containers',
      line: 'hauberk verify --from netns:web --to container:api-1',
    },
    {
      purpose: 'a listener of --upstream, on a plain host',
      line: 'hauberk verify --from host --through 127.0.0.1:9000 --peer 10.0.0.7',
    },
  ],
  notes: [
    'PLACE is a network namespace: netns:NAME as in `ip netns`, pid:PID, container:NAME, with ' +
      '--project the name of a service, or host for the one that this command is in.',
    'Exit code 0: proven. 1: not proven, or the test could not run. 2: wrong usage.',
  ],
};

/** `hauberk verify` */
export function run(context: CliContext): Promise<number> {
  return runCommand(SPEC, context, async (given) => {
    using interrupt = listenForInterrupt();
    const request = await toRequest(given, context);
    const evidence = await runVerify({ ...request, signal: interrupt.signal });
    const report = given.json ? formatJson(reportDocument(evidence)) : formatReport(evidence);
    context.stdout.write(report);
    return hasPassed(judge(evidence)) ? EXIT_CODE.ok : EXIT_CODE.failed;
  });
}

async function toRequest(
  given: VerifySettings,
  { clock, env }: Pick<CliContext, 'clock' | 'env'>,
): Promise<Omit<VerifyRequest, 'signal'>> {
  const { from, project, peer, admin } = given;
  const find = (wanted: NamespaceSelector): Promise<NamespaceEntry> =>
    findNamespace(wanted, project);
  const destination = checkDestination(given);
  return {
    from: await find(from),
    destination:
      destination.kind === 'server'
        ? destination
        : { kind: 'namespace', namespace: await find(destination.namespaceSelector) },
    hbonePort: peer?.port ?? HBONE_PORT,
    peerAddress: peer?.host,
    networkInterface: given.interface,
    admin: await findAdmin(admin, project),
    clock,
    env,
  };
}

function checkDestination({ to, through, peer }: VerifySettings) {
  if (to !== undefined && through === undefined)
    return { kind: 'namespace', namespaceSelector: to } as const;
  if (to !== undefined || through === undefined) {
    throw new ConfigError('setting-missing', 'expected one of --to and --through');
  }
  if (peer === undefined) {
    throw new ConfigError('setting-missing', '--through needs --peer', {
      hint: 'add --peer ADDRESS with the address that hauberk status shows for it',
    });
  }
  return { kind: 'server', address: through } as const;
}

/** The report as `--json` prints it; docs/json-output.md describes it. */
function reportDocument(evidence: Evidence) {
  const { from, to, called, peer, networkInterface, durationMs } = evidence;
  const { application, capture, wire } = evidence;
  const checks = judge(evidence);
  return {
    passed: hasPassed(checks),
    from,
    to,
    called,
    peer,
    interface: networkInterface,
    durationMs,
    checks,
    canary: {
      sent: application.sent,
      readAtApplication: application.received,
      answered: application.answered,
      readOnWire: wire.canaries.reduce((total, count) => total + count, 0),
    },
    capture: {
      packets: capture.captured,
      dropped: capture.dropped,
      truncated: wire.truncatedFrames,
      gaps: wire.gaps,
      bytes: wire.bytes,
    },
    visible: wire.servers,
    probes: evidence.probes,
  };
}
