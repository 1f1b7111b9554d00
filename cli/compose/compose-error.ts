import { HauberkError, type ErrorDetails } from '../../common/errors.ts';

/** Why a Compose file cannot be meshed as it is. */
export type ComposeErrorCode =
  | 'file-unreadable'
  | 'yaml-malformed'
  | 'not-compose'
  | 'key-unknown'
  | 'value-unfit'
  | 'value-variable'
  | 'reference-unknown'
  | 'reference-cycle'
  | 'network-mode'
  | 'name-taken'
  | 'port-clash'
  | 'image-unknown'
  | 'replicas'
  | 'sidecar-user'
  | 'include'
  | 'extends'
  | 'injected-before';

/** A line of a file. */
export interface SourceLocation {
  /** As the person named it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** What an error is about. */
export interface ComposeErrorDetails extends ErrorDetails {
  readonly location: SourceLocation;
  /** The service, when it is about one. */
  readonly service?: string | undefined;
}

/** One thing that is wrong with a Compose file. The message begins with file, line and service. */
export class ComposeError extends HauberkError<ComposeErrorCode> {
  readonly location: SourceLocation;
  readonly service: string | undefined;

  constructor(code: ComposeErrorCode, sentence: string, details: ComposeErrorDetails) {
    const { location, service } = details;
    const about = service === undefined ? '' : `service ${service}: `;
    super(code, `${location.file}:${location.line}: ${about}${sentence}`, details);
    this.location = location;
    this.service = service;
  }
}
