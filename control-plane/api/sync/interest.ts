import { canonicalAddress } from '../../../common/network/ip-address.ts';
import { isLabel } from '../../../common/names.ts';
import { MAX_SCOPES, toScopes, type Scope } from '../../../common/wire/interest.ts';
import type { Hello, Interest, InterestChange } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { RequestError } from '../request-error.ts';
import type { ScopeChange, SubscriptionStart } from './hub.ts';

/** What a sidecar has, and what it is to be told of. @throws RequestError `request-malformed` */
export function readSubscriptionStart(
  hello: Pick<Hello, 'interest' | 'interestVersion' | 'resumeVersion'>,
): SubscriptionStart {
  const { interest, interestVersion, resumeVersion } = hello;
  if (interest === undefined) return { version: resumeVersion };
  return { version: interestVersion, scopes: readInterest(interest) };
}

/** @throws RequestError `request-malformed` */
export function readInterestChange({ added, dropped }: InterestChange): ScopeChange {
  return { added: readScopes(added), dropped: readScopes(dropped) };
}

function readScopes(interest: Interest | undefined): Scope[] {
  return interest === undefined ? [] : readInterest(interest);
}

/**
 * Reads what a sidecar is interested in. Names and addresses are checked for their form alone: no sidecar is
 * told less than everything unless it asks for less.
 *
 * @throws RequestError `request-malformed`
 */
function readInterest(interest: Interest): Scope[] {
  const { services, namespaces, addresses } = interest;
  if (services.length + namespaces.length + addresses.length > MAX_SCOPES) throw tooMany();
  const names = services.flatMap(({ namespace, service }) => [namespace, service]);
  const odd = [...names, ...namespaces].find((name) => !isLabel(name));
  if (odd !== undefined) throw malformed('names of services and namespaces', odd);
  const canonical = addresses.map((address) => {
    const read = canonicalAddress(address);
    if (read === undefined) throw malformed('IP addresses', address);
    return read;
  });
  return toScopes({ services, namespaces, addresses: canonical });
}

/** One sidecar names more than a stream may follow. */
export function tooMany(): RequestError {
  const sentence = `expected an interest of at most ${MAX_SCOPES} services, namespaces and addresses`;
  const hint = 'drop those that are no longer needed';
  return new RequestError('request-malformed', sentence, { hint });
}

function malformed(expected: string, got: string): RequestError {
  const shown = JSON.stringify(got.slice(0, 64));
  return new RequestError(
    'request-malformed',
    `expected interest to have ${expected}, got ${shown}`,
  );
}
