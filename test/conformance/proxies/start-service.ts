import type { Scope } from '../../helpers/scope.ts';
import { startRecordingHttp2Service } from '../record/recording-http2-service.ts';
import { type RecordingService, startRecordingService } from '../record/recording-service.ts';

/** Starts a service that records, of HTTP/1.1 unless it is said what it speaks. */
export function startService(scope: Scope, spoken?: 'h2c'): Promise<RecordingService> {
  return spoken === undefined ? startRecordingService(scope) : startRecordingHttp2Service(scope);
}
