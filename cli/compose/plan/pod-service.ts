import { ownImage, preservesClients } from './sidecar-service.ts';
import { commandHealthCheck } from './health-check.ts';
import {
  HEALTH_DIRECTORY,
  HEALTH_VOLUME,
  instancesOf,
  MARKER,
  PART_LABEL,
  podName,
} from './layout-names.ts';
import type { AddedService } from './layout.ts';
import { startAfter } from '../read/read-references.ts';
import type { Attachment, Service } from '../read/project.ts';
import { isPlainList, type Plain, type PlainMap } from '../yaml/yaml-fields.ts';

/** What the pod is made with. */
export interface PodOptions {
  readonly image: string;
  readonly links: readonly string[];
  /** What the application's container is called, by which others may reach it. */
  readonly containerName: string;
  /** Pods that have to start before it. */
  readonly after: readonly string[];
  /** Keys that it takes over from the application as they are. */
  readonly takes: readonly string[];
  /** Whether it hands out what health checks look for its network with. */
  readonly sharesHealth: boolean;
}

const READY_FILE = '/run/ready';

/**
 * Nothing comes in or goes out until the rules are written, which takes a second: an engine that was
 * restarted may start the application before that. The rules replace the table of the same name.
 */
export const CLOSE =
  "nft 'table inet hauberk { chain in { type filter hook input priority 0; policy drop; }; chain out { type filter hook output priority 0; policy drop; }; }'";

/** What the pod cannot set itself, since a container sees them read-only. Those of IPv6 are not on every host. */
const CLIENT_SYSCTLS: PlainMap = {
  'net.ipv4.tcp_fwmark_accept': '1',
  'net.ipv4.fwmark_reflect': '1',
};

/** Puts in-network (cli/in-network.c) into a folder that applications see; at every start, since the image may be another. */
const SHARE = '/opt/hauberk/cli/share-in-network';

/** The user nobody, without any capability, until the end. */
const SLEEP =
  'exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all sleep infinity';

/**
 * The pod of an instance: it owns the network namespace, writes the rules into it, and sleeps. The
 * application and the sidecar come and go in the namespace while rules and addresses stay.
 */
export function planPod(service: Service, instance: string, options: PodOptions): AddedService {
  const { annotations, sysctls, profiles } = service;
  const excluded = (annotations['exclude-ports'] ?? []).map((port) => ` --exclude-port ${port}`);
  const preserves = preservesClients(service);
  const clients = preserves ? ' --client-address preserve' : '';
  const rules = `hauberk proxy init-netns${excluded.join('')}${clients}`;
  const netSysctls = { ...sysctls.net, ...(preserves ? CLIENT_SYSCTLS : {}) };
  const share = options.sharesHealth ? ` && ${SHARE} ${HEALTH_DIRECTORY}` : '';
  const name = podName(instance);
  return {
    name,
    takes: options.takes,
    values: {
      ...ownImage(options.image),
      entrypoint: ['sh', '-c'],
      command: [`${CLOSE} && ${rules}${share} && : > ${READY_FILE} && ${SLEEP}`],
      user: '0:0',
      // Its first process gives up every privilege, which an init would keep; it has no children, and
      // nothing to put in order when it ends.
      stop_signal: 'SIGKILL',
      restart: 'unless-stopped',
      read_only: true,
      // At every start again, as the namespace is: readiness must not outlive the rules.
      tmpfs: ['/run'],
      cap_drop: ['ALL'],
      cap_add: ['NET_ADMIN', 'SETUID', 'SETGID', 'SETPCAP'],
      security_opt: ['no-new-privileges:true'],
      healthcheck: commandHealthCheck('test', '-e', READY_FILE),
      ...(profiles.length === 0 ? {} : { profiles }),
      networks: Object.fromEntries(
        service.attachments.map((attachment) => [
          attachment.network,
          attach(service, instance, attachment, options.containerName),
        ]),
      ),
      ...startAfter(options.after),
      ...(options.links.length === 0 ? {} : { links: options.links }),
      ...(Object.keys(netSysctls).length === 0 ? {} : { sysctls: netSysctls }),
      ...(options.sharesHealth ? { volumes: [`${HEALTH_VOLUME}:${HEALTH_DIRECTORY}`] } : {}),
      labels: { [PART_LABEL]: 'pod' },
      [MARKER]: 'pod',
    },
  };
}

/** The names that others call the service by, which Compose would have given to the application. */
function attach(
  service: Service,
  instance: string,
  { options }: Attachment,
  containerName: string,
): PlainMap {
  const { aliases, ...others } = options;
  const typed = Object.entries(others).map(([key, value]) => [key, asNumber(key, value)] as const);
  const own = [service.name, ...(instancesOf(service).length > 1 ? [instance] : [])];
  const all: readonly Plain[] = [...own, ...(isPlainList(aliases) ? aliases : []), containerName];
  return { aliases: [...new Set(all)], ...Object.fromEntries(typed) };
}

/** Compose takes these as numbers alone. */
const NUMBERS = new Set(['priority', 'gw_priority']);

function asNumber(key: string, value: Plain): Plain {
  const isNumber = NUMBERS.has(key) && typeof value === 'string' && /^-?\d+$/.test(value);
  return isNumber ? Number(value) : value;
}
