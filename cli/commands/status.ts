import { setting, listSetting, switchSetting } from '../../common/config/settings.ts';
import { choice, durationSeconds, integer, label } from '../../common/config/values.ts';
import { listenForInterrupt } from '../../common/process/interrupt.ts';
import type { AdminClient } from '../admin/client.ts';
import { widthOf } from '../output/fit-table.ts';
import { clipLines, createLiveView } from '../output/live-view.ts';
import { controlPlaneDocument, controlPlaneTable } from '../status/control-plane-report.ts';
import { detailTables } from '../status/detail-tables.ts';
import {
  selectSidecars,
  SIDECAR_ORDERS,
  type SidecarSelection,
} from '../status/select-sidecars.ts';
import { sidecarDocument } from '../status/sidecar-document.ts';
import { sidecarTable } from '../status/sidecar-table.ts';
import { watch } from '../status/watch.ts';
import { adminCommand, askControlPlane } from '../admin/admin-command.ts';
import { caller } from '../names/name-arguments.ts';
import { federatedDocument, federationComplaints } from './bundle/report.ts';

const NOT_ENCRYPTED =
  'the private keys of the mesh are not encrypted: see `hauberk ca rekey --help`\n';

type MeshStatus = Awaited<ReturnType<AdminClient['status']>>;

/** `hauberk status` */
export const run = adminCommand(
  {
    name: 'hauberk status',
    summary:
      'Lists the sidecars that the control plane knows: identity, address, exposed ports, whether they are connected, certificate and the time it has left, connections carried, connections in plaintext, versions, and failures of connections to servers outside. A narrow terminal shows fewer columns.',
    settings: {
      sort: setting(choice(SIDECAR_ORDERS).default('service'), {
        description: `what the rows are sorted by: ${SIDECAR_ORDERS.join(', ')}`,
        placeholder: 'COLUMN',
      }),
      namespace: setting(label.optional(), {
        description: 'only sidecars of this namespace',
        placeholder: 'NAME',
      }),
      service: listSetting(caller, {
        description: 'only sidecars of this service; again for another one',
        placeholder: 'SERVICE[.NAMESPACE]',
      }),
      watch: switchSetting({ description: 'show it again and again, until Ctrl+C' }),
      interval: setting(durationSeconds({ min: 1, max: 3600 }).default(2), {
        description: 'with --watch: time between two pictures',
        placeholder: 'TIME',
        defaultText: '2s',
      }),
      count: setting(integer({ min: 1, max: 1_000_000 }).optional(), {
        description: 'with --watch: number of pictures after which it ends',
        placeholder: 'NUMBER',
      }),
    },
    examples: [
      { purpose: 'the whole mesh', line: 'hauberk status' },
      {
        purpose: 'one namespace, live, with those that are away first',
        line: 'hauberk status --watch --namespace shop --sort connected',
      },
      {
        purpose: 'certificates that end within ten minutes',
        line: "hauberk status --json | jq '.sidecars[] | select(.certificate.secondsLeft < 600)'",
      },
    ],
  },
  async (client, settings, context) => {
    const { json, interval, count = Infinity } = settings;
    const { stdout, stderr, clock } = context;
    const { trustDomain } = client;
    // The control plane knows sidecars of its own trust domain alone.
    const services = settings.service.map((one) =>
      one.trustDomain === undefined || one.trustDomain === trustDomain ? one : NOBODY,
    );
    const selection = { services, namespace: settings.namespace, sort: settings.sort };
    if (!settings.watch) {
      const status = await client.status();
      const nowMs = clock.epochMs();
      if (json) return statusDocument(status, selection, nowMs);
      stderr.write(complaints(status, selection, nowMs));
      return statusText(status, selection, { nowMs, width: widthOf(stdout) });
    }
    using interrupt = listenForInterrupt();
    const view = createLiveView(stdout);
    const show = (status: MeshStatus, failure: string | undefined): void => {
      const nowMs = clock.epochMs();
      if (json) {
        if (failure === undefined) {
          stdout.write(`${JSON.stringify(statusDocument(status, selection, nowMs))}\n`);
        } else stderr.write(`${failure}; trying again\n`);
        return;
      }
      const failed = failure === undefined ? '' : `${failure}; trying again\n`;
      const text = statusText(status, selection, { nowMs, width: widthOf(stdout) });
      view.show(clipLines(failed + complaints(status, selection, nowMs) + text, view.height));
    };
    const { signal } = interrupt;
    // With a connection for each picture: another control plane may be there to ask, and the credential may have been renewed.
    const look = (): Promise<MeshStatus> => askControlPlane(settings, (asked) => asked.status());
    await watch(look, show, { intervalMs: interval * 1_000, count, signal });
    return '';
  },
);

/** No sidecar has this name. */
const NOBODY = { service: '', namespace: undefined };

/** What an operator should see first, in lines; empty when nothing is. */
function complaints(
  { workloads, keysEncrypted, federated }: MeshStatus,
  selection: SidecarSelection,
  nowMs: number,
): string {
  return [
    keysEncrypted ? '' : NOT_ENCRYPTED,
    federationComplaints(federated, nowMs),
    nobodySentence(workloads.length, selectSidecars(workloads, selection).length),
  ].join('');
}

function nobodySentence(known: number, selected: number): string {
  if (selected > 0) return '';
  if (known === 0) return 'no sidecar has joined yet\n';
  return `none of the ${known} sidecars fits --service and --namespace\n`;
}

function statusText(
  { workloads, controlPlanes }: MeshStatus,
  selection: SidecarSelection,
  { nowMs, width }: { readonly nowMs: number; readonly width: number | undefined },
): string {
  const sidecars = selectSidecars(workloads, selection);
  return [
    controlPlaneTable(controlPlanes, nowMs),
    sidecarTable(sidecars, nowMs, width),
    detailTables(sidecars),
  ].join('');
}

/** What `--json` prints; docs/json-output.md describes it. */
function statusDocument(
  { workloads, keysEncrypted, federated, controlPlanes }: MeshStatus,
  selection: SidecarSelection,
  nowMs: number,
): object {
  return {
    sidecars: selectSidecars(workloads, selection).map((one) => sidecarDocument(one, nowMs)),
    keysEncrypted,
    federated: federated.map(federatedDocument),
    controlPlanes: controlPlanes.map(controlPlaneDocument),
  };
}
