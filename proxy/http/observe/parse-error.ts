import { HauberkError } from '../../../common/errors.ts';
import type { ParseFailure } from '../../metrics/requests/detection.ts';

/** What passes is not followed any further. */
export class ParseError extends HauberkError<ParseFailure> {}
