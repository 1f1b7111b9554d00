import { ConfigError } from '../../common/config/config-error.ts';
import { flagName } from '../../common/config/settings.ts';

/** Two settings of which one says nothing without the other. @throws ConfigError `setting-missing` */
export function requirePair<Name extends string>(
  settings: Readonly<Partial<Record<Name, unknown>>>,
  one: Name,
  other: Name,
): void {
  const [isOne, isOther] = [settings[one] !== undefined, settings[other] !== undefined];
  if (isOne === isOther) return;
  const [given, missing] = isOne ? [one, other] : [other, one];
  const sentence = `${flagName(given)} needs ${flagName(missing)} beside it`;
  const hint = `give ${flagName(missing)}, or neither of them`;
  throw new ConfigError('setting-missing', sentence, { hint });
}
