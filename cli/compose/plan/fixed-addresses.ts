import { podName } from './layout-names.ts';
import type { Attachment, Project, Service } from '../read/project.ts';
import { treat } from './treatment.ts';

/** True for a place in a network that only one container can have. */
export function isFixed({ options }: Attachment): boolean {
  return ['ipv4_address', 'ipv6_address', 'mac_address'].some((key) => key in options);
}

/**
 * The pods that have to start before a container which lets Docker choose its address on these
 * networks: Docker could choose one of theirs. They have no dependencies themselves, so that no
 * circle can come of it; those that only a profile starts cannot be waited for.
 */
export function podsWithFixedAddresses(
  project: Project,
  networks: ReadonlySet<string>,
): readonly string[] {
  return [...project.services.values()]
    .filter((service) => treat(project, service).kind === 'meshed')
    .filter(({ links, profiles }) => links.length === 0 && profiles.length === 0)
    .filter(({ attachments }) =>
      attachments.some((attachment) => isFixed(attachment) && networks.has(attachment.network)),
    )
    .map(({ name }) => podName(name));
}

/** The pods that have to start before the pod of a service. */
export function podsBefore(project: Project, { attachments }: Service): readonly string[] {
  if (attachments.some(isFixed)) return [];
  return podsWithFixedAddresses(project, new Set(attachments.map(({ network }) => network)));
}
