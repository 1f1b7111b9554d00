// What a Sync stream ends with, as its sidecar is told.
import { RequestError } from '../request-error.ts';

export function malformed(expected: string): RequestError {
  return new RequestError('request-malformed', `expected ${expected}`);
}

export function certificateExpired(): RequestError {
  const sentence = 'the certificate that opened this stream has expired';
  const hint = 'open a stream with the next certificate';
  return new RequestError('certificate-expired', sentence, { hint });
}

export function replaced(instanceId: string): RequestError {
  return new RequestError('instance-replaced', `the sidecar ${instanceId} has connected again`, {
    hint: 'give each sidecar a state directory of its own',
  });
}

export function moved(): RequestError {
  const sentence =
    'sidecars of other hosts have come, which reach this host under another address; connect again';
  return new RequestError('unavailable', sentence);
}

export function behind(): RequestError {
  const sentence = 'this control plane does not know yet what another one has told; connect again';
  return new RequestError('unavailable', sentence);
}

export function goingAway(): RequestError {
  return new RequestError('unavailable', 'the control plane is shutting down; connect again');
}
