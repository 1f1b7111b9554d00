import { HauberkError } from '../../common/errors.ts';

/** Why nothing could be proven, in either direction. */
export type VerifyErrorCode =
  /** A program that this needs is not installed. */
  | 'program-missing'
  /** The system does not let this process capture, or enter a namespace. */
  | 'not-permitted'
  /** There is no such container, service, namespace, process or interface. */
  | 'place-unknown'
  /** tcpdump ended, or what it wrote cannot be read. */
  | 'capture-failed'
  /** The helper process in a namespace failed. */
  | 'agent-failed'
  /** It was interrupted. */
  | 'interrupted';

/** Thrown when a verification cannot be carried out. */
export class VerifyError extends HauberkError<VerifyErrorCode> {}
