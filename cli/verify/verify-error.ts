import { HauberkError } from '../../common/errors.ts';

/** Why nothing could be proven, in either direction. */
export type VerifyErrorCode =
  | 'program-missing' // A program that this needs is not installed.
  | 'not-permitted' // The system does not let this process capture, or enter a namespace.
  | 'place-unknown' // There is no such container, service, namespace, process or interface.
  | 'capture-failed' // tcpdump ended, or what it wrote cannot be read.
  | 'agent-failed' // The helper process in a namespace failed.
  | 'interrupted'; // It was interrupted.

/** Thrown when a verification cannot be carried out. */
export class VerifyError extends HauberkError<VerifyErrorCode> {}
