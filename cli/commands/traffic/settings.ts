import type { TextOutput } from '../../../common/config/run-command.ts';
import { listSetting, setting, type SettingsOf } from '../../../common/config/settings.ts';
import { durationSeconds } from '../../../common/config/values.ts';
import { listenForInterrupt } from '../../../common/process/interrupt.ts';
import type { ServiceName } from '../../../proto/gen/hauberk/v1/identity.ts';
import type { AdminClient } from '../../admin/client.ts';
import { collectTraffic, missingSentences, type CollectedTraffic } from '../../traffic/collect.ts';
import { caller, NAMESPACE, type NameArgument } from '../../names/name-arguments.ts';

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

/** What a command that shows a window of time is told. */
export const WINDOW_SETTINGS = { ...TRAFFIC_SETTINGS, window: WINDOW };

/** Collects what those settings ask for, until it is there or Ctrl+C is pressed, and says who did not report. */
export async function collectWindow(
  client: AdminClient,
  { service, namespace, window: windowSeconds }: SettingsOf<typeof WINDOW_SETTINGS>,
  stderr: TextOutput,
): Promise<CollectedTraffic | undefined> {
  using interrupt = listenForInterrupt();
  const question = { services: servicesOf(service, namespace), windowSeconds };
  const collected = await collectTraffic(client, question, interrupt.signal);
  if (collected !== undefined) stderr.write(missingSentences(collected.newest));
  return collected;
}

/** Names as they were typed, in full. */
export function servicesOf(names: readonly NameArgument[], namespace: string): ServiceName[] {
  return names.map((name) => ({ service: name.service, namespace: name.namespace ?? namespace }));
}
