/** A clock that is wrong is named with its skew, whoever notices it. */
import test from 'ava';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { withSkew } from '../../../proxy/identity/skew.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const DAY_MS = 86_400_000;

function refusal(serverTimeMs: number): RpcError {
  const error = new RpcError('certificate-expired', 'the client certificate has expired');
  error.serverTimeMs = serverTimeMs;
  return error;
}

test('a refusal names the clock when it is more than a minute off', async (t) => {
  const authority = createTestAuthority();
  await using server = await startTestControlPlane({ authority });
  const { roots, trustDomain } = authority.bundle;
  const channel = { address: server, trustDomain, roots };
  const nowMs = Date.now();
  const late = await withSkew(refusal(nowMs + 7_200_000), channel, nowMs);
  t.is(late.code, 'certificate-expired');
  t.regex(late.message, /has expired; this host's clock is 7200 s behind the control plane's$/);
  const right = refusal(nowMs + 30_000);
  t.is(await withSkew(right, channel, nowMs), right);
});

test('a server that only our clock makes untrusted is told from one that nobody trusts', async (t) => {
  const authority = createTestAuthority();
  await using server = await startTestControlPlane({ authority });
  const { roots, trustDomain } = authority.bundle;
  const untrusted = new RpcError('server-untrusted', 'it shows a certificate that is not trusted');
  const ahead = await withSkew(
    untrusted,
    { address: server, trustDomain, roots },
    Date.now() + DAY_MS,
  );
  t.regex(ahead.message, /this host's clock is at least 8\d{4} s ahead of the control plane's$/);
  const behind = await withSkew(
    untrusted,
    { address: server, trustDomain, roots },
    Date.now() - DAY_MS,
  );
  t.regex(behind.message, /this host's clock is at least 8\d{4} s behind the control plane's$/);

  const impostor = createTestAuthority().bundle.roots;
  const foreign = { address: server, trustDomain, roots: impostor };
  t.is(await withSkew(untrusted, foreign, Date.now() + DAY_MS), untrusted);
  t.is(await withSkew(untrusted, { ...foreign, roots }, Date.now()), untrusted);
});
