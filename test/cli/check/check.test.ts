// `hauberk check` on a mesh of real processes, and where there is none.
import test from 'ava';
import { freePort } from '../../helpers/machine/free-port.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';

interface Found {
  readonly check: string;
  readonly state: string;
  readonly sentence: string;
}

const findings = (stdout: string): readonly Found[] => JSON.parse(stdout).findings;

test('an upstream that nobody serves is something to look at until somebody does', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  // A sidecar tells in its next report.
  const before = await eventually('it is missing', async () => {
    const answer = await mesh.admin(['check']);
    return answer.stdout.includes('warn  upstreams') ? answer : undefined;
  });
  t.is(before.code, 0, before.stderr);
  t.regex(
    before.stdout,
    /^warn {2}upstreams: web\.default calls api\.default:8080, which no sidecar/m,
  );
  t.regex(before.stdout, /^ok {4}sidecars: 1 sidecar connected$/m);
  t.regex(before.stdout, /\n\d+ ok, \d+ to look at, 0 failed\n$/);

  await mesh.sidecar({ service: 'api', expose: ['8080'] });
  await eventually('it is found', async () => {
    const { code, stdout } = await mesh.admin(['check', '--json']);
    const upstreams = findings(stdout).filter(({ check }) => check === 'upstreams');
    return (code === 0 && upstreams.every(({ state }) => state === 'ok')) || undefined;
  });

  await mesh.controlPlane.kill();
  const gone = await mesh.admin(['check']);
  t.is(gone.code, 3);
  t.regex(gone.stdout, /^FAIL {2}control-planes: .+\n {6}\S.*\n0 ok, 0 to look at, 1 failed\n$/);

  const waiting = mesh.admin(['check', '--wait', '1m']);
  await mesh.controlPlane.start();
  t.is((await waiting).code, 0);
});

test('a peer that is not where it advertises to be is named, with what to do', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'api', expose: ['8080'] });
  await mesh.sidecar({ service: 'web', upstreams: ['api:8080', 'lost:8080'] });
  const peersOf = async () => {
    const { code, stdout } = await mesh.admin(['check', '--json'], { deadlineMs: 60_000 });
    return { code, peers: findings(stdout).filter(({ check }) => check === 'peers') };
  };
  const well = await peersOf();
  t.is(well.code, 0);
  t.like(well.peers, [{ state: 'ok' }]);
  t.regex(well.peers[0]?.sentence ?? '', /^\d sidecars reached all [1-9]\d* peers that they know$/);

  const nowhere = `127.0.0.1:${await freePort()}`;
  await mesh.sidecar({ service: 'lost', expose: ['8080'], args: [`--advertise=${nowhere}`] });
  const lost = await eventually('it is looked for again', async () => {
    const found = await peersOf();
    return found.code === 1 ? found : undefined;
  });
  const sentence = `web.default does not reach lost.default at ${nowhere}: unreachable`;
  t.true(lost.peers.some((one) => one.state === 'failed' && one.sentence === sentence));
});

test('a host is checked without a mesh', async (t) => {
  const { code, stdout } = await runHauberk(['check', '--host', '--json']);
  const found = findings(stdout);
  t.deepEqual(
    found.map(({ check }) => check),
    ['platform', 'descriptors', 'ports', 'nft', 'kernel', 'destination', 'net-admin'],
  );
  t.is(code, found.some(({ state }) => state === 'failed') ? 1 : 0);
});

test('a credential that is not there is one sentence', async (t) => {
  const { code, stdout, stderr } = await runHauberk(['check', '--admin', '/nowhere/admin.pem']);
  t.is(code, 2);
  t.is(stdout, '');
  t.regex(stderr, /^hauberk check: there is no admin credential at \/nowhere\/admin\.pem; /);
});
