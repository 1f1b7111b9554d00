import { HauberkError } from '../../common/errors.ts';

/**
 * Why a sidecar was not asked, or has not answered:
 * - `sidecar-unknown`: no sidecar has this instance id;
 * - `sidecar-away`: it is not connected to this control plane, or to any;
 * - `sidecar-too-old`: its version knows no questions;
 * - `sidecar-silent`: it has not answered in time;
 * - `questions-too-many`: as many are under way as there may be.
 */
export type QuestionErrorCode =
  'sidecar-unknown' | 'sidecar-away' | 'sidecar-too-old' | 'sidecar-silent' | 'questions-too-many';

/** A question to a sidecar has no answer. */
export class QuestionError extends HauberkError<QuestionErrorCode> {}
