import { Metadata, status } from '@grpc/grpc-js';
import test from 'ava';
import { toRpcError } from '../../../common/rpc/grpc-failure.ts';
import { readRefusal, rpcError } from '../../../common/rpc/reason.ts';
import { isPassing, REFUSALS, type RpcError } from '../../../common/rpc/rpc-error.ts';

function failed(code: status, details: string): RpcError {
  const error = Object.assign(new Error(details), { code, details, metadata: new Metadata() });
  return toRpcError(error, 'the control plane at cp:15012');
}

test('every reason travels there and back, with a hint in any language', (t) => {
  for (const reason of REFUSALS) {
    const hint = 'prüfe „das“, 100 %\n';
    const error = rpcError(status.PERMISSION_DENIED, reason, 'no', {
      hint,
      serverTimeMs: 5,
      retryAfterMs: 1_500,
    });
    t.deepEqual(readRefusal(error), { reason, hint, serverTimeMs: 5, retryAfterMs: 1_500 });
    t.is(toRpcError(error, 'it').code, reason);
  }
});

test('trailers from elsewhere are not believed', (t) => {
  const metadata = new Metadata();
  metadata.set('hauberk-reason', 'token-of-gratitude');
  metadata.set('hauberk-hint', '%E0%A4%A');
  metadata.set('hauberk-server-time-ms', '1e400');
  metadata.set('hauberk-retry-after-ms', '-5');
  t.deepEqual(readRefusal({ metadata }), {
    reason: undefined,
    hint: undefined,
    serverTimeMs: undefined,
    retryAfterMs: undefined,
  });
});

test('a failed connection is told from a refused one', (t) => {
  const { UNAVAILABLE } = status;
  const last = 'No connection established. Last error:';
  t.is(failed(UNAVAILABLE, `${last} connect ECONNREFUSED 127.0.0.1:1`).code, 'unreachable');
  t.is(failed(UNAVAILABLE, 'Name resolution failed for target dns:cp').code, 'unreachable');
  t.is(
    failed(UNAVAILABLE, `${last} Client network socket disconnected before secure TLS connection`)
      .code,
    'unreachable',
  );
  t.is(failed(UNAVAILABLE, `${last} self-signed certificate`).code, 'server-untrusted');
  t.is(failed(UNAVAILABLE, `${last} certificate is not yet valid`).code, 'server-untrusted');
  t.is(failed(UNAVAILABLE, `${last} error:0A00010B:SSL routines::wrong version`).code, 'tls');
  const printed =
    '40833E8B1D7F0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/openssl/ssl/tlsany_meth.c:78:';
  t.regex(
    failed(UNAVAILABLE, `${last} ${printed} (2030-01-01T00:00:00.000Z). Resolution note: `).message,
    /does not speak TLS 1\.3 as expected \(wrong version number\)$/,
  );
  t.is(failed(status.DEADLINE_EXCEEDED, 'late').code, 'timeout');
  t.is(failed(status.CANCELLED, 'gone').code, 'cancelled');
  t.is(failed(status.UNIMPLEMENTED, 'what?').code, 'protocol');
  t.is(toRpcError(new Error('odd'), 'it').code, 'protocol');
});

test('only what may go away by itself is tried again', (t) => {
  t.deepEqual(
    REFUSALS.filter((reason) => isPassing(reason)),
    ['rate-limited', 'unavailable', 'internal'],
  );
  t.true(isPassing('unreachable'));
  t.true(isPassing('timeout'));
  t.false(isPassing('server-untrusted'));
});
