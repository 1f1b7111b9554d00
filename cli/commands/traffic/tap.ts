import { listSetting, setting } from '../../../common/config/settings.ts';
import { integer, text, valueType, type ValueType } from '../../../common/config/values.ts';
import { listenForInterrupt } from '../../../common/process/interrupt.ts';
import type { TapResponse, TappedEvent } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { TapFilter } from '../../../proto/gen/hauberk/v1/traffic.ts';
import { eventDocument, eventLine } from '../../traffic/event-report.ts';
import type { AdminClient } from '../../admin/client.ts';
import { adminCommand, type AdminContext } from '../../admin/admin-command.ts';
import {
  caller,
  NAMESPACE,
  readServicePort,
  type NameArgument,
} from '../../names/name-arguments.ts';
import { neverSeen, seenIdentities, toLine } from '../../names/unseen-names.ts';

type Target = NameArgument & { readonly port?: number };

/** `SERVICE[.NAMESPACE][:PORT]`. */
const target: ValueType<Target> = valueType('SERVICE[.NAMESPACE][:PORT]', (raw) => {
  if (raw.includes(':') && !raw.startsWith('spiffe:')) return readServicePort(raw);
  return caller.safeParse(raw).data;
});

const pathPrefix = valueType('a path that begins with /', (raw) =>
  raw.startsWith('/') ? raw : undefined,
);

const SETTINGS = {
  from: setting(caller.optional(), {
    description: 'what this service calls; its own sidecars tell',
    placeholder: 'SERVICE[.NAMESPACE]',
  }),
  to: setting(target.optional(), {
    description: 'what this service is asked, at this port',
    placeholder: 'SERVICE[.NAMESPACE][:PORT]',
  }),
  namespace: NAMESPACE,
  path: setting(pathPrefix.optional(), {
    description: 'requests alone, whose path begins with this',
    placeholder: 'PATH',
  }),
  method: setting(text.optional(), {
    description: 'requests alone, with this method',
    placeholder: 'METHOD',
  }),
  peer: setting(text.optional(), {
    description: 'the SPIFFE ID of the other side, or what it begins with',
    placeholder: 'ID',
  }),
  status: listSetting(text, {
    description: 'how it ended: 503, 5xx, UNAVAILABLE, a reason, or failed; again for another one',
    placeholder: 'STATUS',
  }),
  rate: setting(integer({ min: 1, max: 1_000 }).default(100), {
    description: 'at most so many events a second; the others are counted',
    placeholder: 'NUMBER',
  }),
  count: setting(integer({ min: 1, max: 1_000_000 }).optional(), {
    description: 'number of events after which it ends',
    placeholder: 'NUMBER',
  }),
};

/** `hauberk tap` */
export const run = adminCommand(
  {
    name: 'hauberk tap',
    summary:
      'Shows connections and requests as they happen. Sidecars look only while the command runs; they show methods, paths without their query, and statuses, but no fields and no bodies. The log of the control plane says who taps.',
    settings: SETTINGS,
    examples: [
      { purpose: 'what web asks of api', line: 'hauberk tap --from web --to api:8080 --path /x' },
      { purpose: 'whatever fails in the mesh', line: 'hauberk tap --status failed' },
      { purpose: 'for a program', line: 'hauberk tap --to api --json --count 100' },
    ],
  },
  async (client, settings, context) => {
    using interrupt = listenForInterrupt();
    const { json, rate: eventsPerSecond, count = Infinity } = settings;
    const request = { filter: filterOf(settings), eventsPerSecond, local: false };
    let shown = 0;
    const tell = createNotes(context);
    context.stderr.write(await unseenSentences(client, request.filter));
    for await (const response of client.tap(request, interrupt.signal)) {
      tell(response);
      for (const tapped of response.events.slice(0, count - shown)) {
        context.stdout.write(lineOf(tapped, json, client.trustDomain));
        shown += 1;
      }
      if (shown >= count) break;
    }
    return '';
  },
);

function lineOf(tapped: TappedEvent, json: boolean, trustDomain: string): string {
  return `${json ? JSON.stringify(eventDocument(tapped)) : eventLine(tapped, trustDomain)}\n`;
}

interface TapSettings {
  readonly from: NameArgument | undefined;
  readonly to: Target | undefined;
  readonly namespace: string;
  readonly path: string | undefined;
  readonly method: string | undefined;
  readonly peer: string | undefined;
  readonly status: readonly string[];
}

function filterOf({ from, to, namespace, path, method, peer, status }: TapSettings): TapFilter {
  const named = (name: NameArgument | undefined) =>
    name && { service: name.service, namespace: name.namespace ?? namespace };
  return {
    from: named(from),
    to: named(to),
    port: to?.port ?? 0,
    pathPrefix: path ?? '',
    peer: peer ?? '',
    status: [...status],
    method: method?.toUpperCase() ?? '',
  };
}

/** A name that the mesh has never seen is likely a typing error: it would be waited for, for ever. */
async function unseenSentences(
  client: AdminClient,
  { from, to }: Pick<TapFilter, 'from' | 'to'>,
): Promise<string> {
  const seen = await seenIdentities(client);
  return [from, to]
    .map((name) => name && neverSeen({ ...name, trustDomain: client.trustDomain }, seen))
    .map((told) => (told === undefined ? '' : `${toLine(told)}\n`))
    .join('');
}

/** Says on standard error what is missing: who looks, what was dropped, who cannot be asked. */
function createNotes({ stderr }: AdminContext): (response: TapResponse) => void {
  let told = '';
  let unreached = '';
  return (response) => {
    const { dropped } = response;
    const looking = lookingSentence(response);
    if (looking !== told) stderr.write(looking);
    told = looking;
    if (dropped > 0) stderr.write(`${dropped} more were left out: see --rate\n`);
    const missing = response.unreached
      .map(({ id, why }) => `the sidecars of the control plane ${id} are missing: ${why}\n`)
      .join('');
    if (missing !== unreached) stderr.write(missing);
    unreached = missing;
  };
}

/** Who looks, and who cannot. */
function lookingSentence({ sidecars, unable }: TapResponse): string {
  if (sidecars === 0) return 'no sidecar that is connected fits; waiting for one\n';
  const able = sidecars - unable;
  const looking = `${able} ${able === 1 ? 'sidecar looks' : 'sidecars look'}; Ctrl+C ends it\n`;
  return unable === 0
    ? looking
    : `${unable} of ${sidecars} sidecars cannot tell what passes them: they are of an older version; upgrade them\n${looking}`;
}
