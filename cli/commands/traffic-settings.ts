import { listSetting, setting } from '../../common/config/settings.ts';
import { durationSeconds } from '../../common/config/values.ts';
import type { ServiceName } from '../../proto/gen/hauberk/v1/identity.ts';
import { caller, NAMESPACE, type NameArgument } from './authz-settings.ts';

/** Whose traffic a command is about, and over how long. */
export const TRAFFIC_SETTINGS = {
  service: listSetting(caller, {
    description: 'only what the sidecars of this service report; again for another one',
    placeholder: 'SERVICE[.NAMESPACE]',
  }),
  namespace: NAMESPACE,
};

/** The time that figures are about. */
export const WINDOW = setting(durationSeconds({ min: 1, max: 300 }).default(3), {
  description: 'time over which figures are counted',
  placeholder: 'TIME',
  defaultText: '3s',
});

/** Names as they were typed, in full. */
export function servicesOf(names: readonly NameArgument[], namespace: string): ServiceName[] {
  return names.map((name) => ({ service: name.service, namespace: name.namespace ?? namespace }));
}
