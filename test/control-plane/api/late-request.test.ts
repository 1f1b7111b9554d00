// Requests are read after it was decided who sends them: bytes that are none are no way to make the control plane work.
import test from 'ava';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { AdminService } from '../../../proto/gen/hauberk/v1/admin.ts';
import { IdentityService } from '../../../proto/gen/hauberk/v1/identity.ts';
import {
  type ControlPlaneUnderTest,
  startControlPlaneUnderTest,
  type TestIdentity,
} from '../control-plane-under-test.ts';

/** A field whose length goes beyond the end. */
const BROKEN = Buffer.from('0aff01', 'hex');

/** Calls with these bytes for a request, and gives the refusal. */
async function refusal(
  cp: ControlPlaneUnderTest,
  path: string,
  bytes: Buffer,
  identity?: TestIdentity,
): Promise<{ readonly code: string; readonly message: string }> {
  const method = {
    path,
    requestSerialize: (request: Buffer) => request,
    responseDeserialize: String,
  };
  try {
    await cp.connect(identity).call(method, bytes, { timeoutMs: 10_000 });
  } catch (error) {
    if (error instanceof RpcError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('expected a refusal');
}

test('what an operator sends is read, and refused when it is no request', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const { path } = AdminService.createToken;
  const { code, message } = await refusal(cp, path, BROKEN, cp.operator);
  t.is(code, 'request-malformed');
  t.true(message.includes('expected a request of /hauberk.v1.Admin/CreateToken'), message);
  t.is((await refusal(cp, AdminService.watchTraffic.path, BROKEN, cp.operator)).code, code);
});

test('what others send to operators is not even read', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const sidecar = await cp.enrol('shop', 'web');
  for (const { path } of [AdminService.createToken, AdminService.watchTraffic]) {
    t.is((await refusal(cp, path, BROKEN)).code, 'certificate-missing');
    t.is((await refusal(cp, path, BROKEN, sidecar)).code, 'identity-mismatch');
  }
});

test('a request for a certificate that is larger than any is not read', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const { path } = IdentityService.issue;
  const large = await refusal(cp, path, Buffer.alloc(8 * 1024 + 1));
  t.is(large.code, 'request-malformed');
  t.true(large.message.includes('at most 8192 bytes'), large.message);
  t.is((await refusal(cp, path, BROKEN)).code, 'request-malformed');
  t.true(await cp.metric('hauberk_issue_refused_total{reason="request-malformed"} 2'));
});
