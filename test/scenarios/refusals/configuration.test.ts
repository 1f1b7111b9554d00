/**
 * What is wrong with flags, environment, file, ports, directories and disks ends a program with its
 * documented exit code and one sentence that names what it is about and says what to do: never with
 * a stack trace. Single flags and words: test/cli/command-line.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { runHauberk, startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startMesh, type Mesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

interface Context {
  /** A directory for whatever a case needs. */
  readonly directory: string;
  readonly file: (name: string, text: string) => string;
  /** A port that somebody else listens on. */
  readonly taken: number;
  readonly mesh: Mesh;
  /** A sidecar that has enrolled and ended. */
  readonly web: Sidecar;
}

const test = anyTest as TestFn<Context>;
const scope = fileScope();
test.before(async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'hauberk-test-'));
  scope.teardown(() => rmSync(directory, { recursive: true }));
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => server.close());
  const mesh = await startMesh(scope);
  const web = await mesh.sidecar({ service: 'web' });
  await web.process.end();
  const file = (name: string, text: string): string => {
    const place = path.join(directory, name);
    writeFileSync(place, text);
    return place;
  };
  t.context = { directory, file, taken: (server.address() as AddressInfo).port, mesh, web };
});

/** A program that must not start. */
interface Mistake {
  readonly args: (context: Context) => readonly string[];
  readonly env?: (context: Context) => Readonly<Record<string, string>>;
  readonly says: RegExp;
  /** 2 unless the configuration is right and the world is not. */
  readonly code?: number;
}

const LISTEN = ['--grpc-listen=127.0.0.1:0', '--http-listen=127.0.0.1:0'];
const controlPlane = (directory: string, ...more: string[]): string[] => [
  'control-plane',
  `--data-dir=${directory}`,
  ...more,
];
const proxy = ({ mesh, web }: Context, ...more: string[]): string[] => [
  'proxy',
  '--service=web',
  `--control-plane=127.0.0.1:${mesh.controlPlane.grpcPort}`,
  `--state-dir=${web.stateDirectory}`,
  '--hbone-listen=127.0.0.1:0',
  '--metrics-listen=127.0.0.1:0',
  ...more,
];
const config = (file: string): string[] => ['control-plane', `--config=${file}`];

const MISTAKES: Readonly<Record<string, Mistake>> = {
  'a port in use: gRPC': {
    args: ({ directory, taken }) =>
      controlPlane(directory, `--grpc-listen=127.0.0.1:${taken}`, '--http-listen=127.0.0.1:0'),
    says: /^hauberk control-plane: the grpc port 127\.0\.0\.1:\d+ is in use; end the process that listens there, or choose another port$/,
  },
  'a port in use: HTTP': {
    args: ({ directory, taken }) =>
      controlPlane(directory, '--grpc-listen=127.0.0.1:0', `--http-listen=127.0.0.1:${taken}`),
    says: /the http port 127\.0\.0\.1:\d+ is in use; /,
  },
  'a port in use: HBONE': {
    args: (context) => proxy(context, `--hbone-listen=127.0.0.1:${context.taken}`),
    says: /^hauberk proxy: the HBONE port 127\.0\.0\.1:\d+ is in use; /,
  },
  'a port in use: metrics': {
    args: (context) => proxy(context, `--metrics-listen=127.0.0.1:${context.taken}`),
    says: /the metrics port 127\.0\.0\.1:\d+ is in use; /,
  },
  'a port in use: upstream': {
    args: (context) => proxy(context, `--upstream=127.0.0.1:${context.taken}=api:8080`),
    says: /the upstream port 127\.0\.0\.1:\d+ is in use; /,
  },
  'a port in use: upstream, which workers would share': {
    args: (context) =>
      proxy(context, '--workers=2', `--upstream=127.0.0.1:${context.taken}=api:8080`),
    says: /^hauberk proxy: the upstream port 127\.0\.0\.1:\d+ is in use; /,
  },
  'a port in use: HBONE, which workers would listen on': {
    args: (context) => proxy(context, '--workers=2', `--hbone-listen=127.0.0.1:${context.taken}`),
    says: /^hauberk proxy: the HBONE port 127\.0\.0\.1:\d+ is in use; /,
  },
  ...Object.fromEntries(
    ['0', 'x', '1000', '-1', '1.5'].map((count): [string, Mistake] => [
      `${count} workers`,
      {
        args: (context) => proxy(context, `--workers=${count}`),
        says: /^hauberk proxy: --workers: expected a whole number from 1 to 64, got "[^"\n]+"\n?$/,
      },
    ]),
  ),
  'an address of another machine': {
    args: ({ directory }) => controlPlane(directory, '--grpc-listen=192.0.2.7:15012'),
    says: /the grpc address 192\.0\.2\.7:15012 is not an address of this machine; choose /,
  },
  'a port that is exposed twice': {
    args: (context) => proxy(context, '--expose=8080', '--expose=8080=127.0.0.1:9090'),
    says: /--expose: the port 8080 is exposed twice; give each port one address/,
  },
  'a wrong type in the environment': {
    args: (context) => proxy(context),
    env: () => ({ HAUBERK_DRAIN_TIMEOUT: 'long' }),
    says: /HAUBERK_DRAIN_TIMEOUT: expected a time from 0s to 1d .*got "long"/,
  },
  'a file that is missing': {
    args: ({ directory }) => config(path.join(directory, 'nowhere.yaml')),
    says: /there is no configuration file \S+nowhere\.yaml; check the path after --config/,
  },
  'a folder instead of a file': {
    args: ({ directory }) => config(directory),
    says: /the configuration file \S+ cannot be read: illegal operation on a directory \(EISDIR\); check /,
  },
  'an unknown key': {
    args: ({ file }) => config(file('key.yaml', 'logLevel: info\ndataDri: x\n')),
    says: /key\.yaml:2 has the unknown key "dataDri"; did you mean dataDir\?$/,
  },
  'a wrong type in the file': {
    args: ({ file }) => config(file('type.yaml', 'dataDir:\n  - x\n')),
    says: /dataDir \(\S+type\.yaml:1\): expected a path, got a list$/,
  },
  'a syntax error in the file': {
    args: ({ file }) => config(file('syntax.yaml', 'logLevel: info\ndataDir: [x\n')),
    says: /syntax\.yaml:\d is not valid YAML: [^\n]+; correct the file and start again$/,
  },
  'a file that is no configuration': {
    args: ({ file }) => config(file('words.yaml', 'just words\n')),
    says: /words\.yaml must be a list of settings such as "logLevel: info"/,
  },
  'a secret in the file': {
    args: (context) =>
      proxy(context, `--config=${context.file('secret.yaml', 'token: hbk-1-x\n')}`),
    says: /secret\.yaml:1 has the unknown key "token"; a secret is given as HAUBERK_TOKEN$/,
  },
  'a data directory that is a file': {
    args: ({ file }) => controlPlane(file('file', ''), ...LISTEN),
    says: /the data directory \S+file cannot be used: .*; check that it is a file in a directory/,
  },
  'a data directory where nothing can be made': {
    args: () => controlPlane('/proc/hauberk', ...LISTEN),
    says: /the data directory \/proc\/hauberk cannot be used: .*; check /,
  },
  'a data directory in use': {
    args: ({ mesh }) => controlPlane(mesh.controlPlane.dataDirectory, ...LISTEN),
    says: /another process has the store \S+ open; stop the other control plane, or give /,
  },
  'a store that is none': {
    args({ directory }) {
      const place = path.join(directory, 'damaged');
      mkdirSync(place);
      writeFileSync(path.join(place, 'hauberk.db'), 'x'.repeat(8192));
      return controlPlane(place, ...LISTEN);
    },
    says: /the store \S+hauberk\.db is damaged: file is not a database; .*restore a backup/,
    code: 1,
  },
  'a state directory that is a file': {
    args: (context) => proxy(context, `--state-dir=${context.file('state', '')}`),
    says: /cannot write \S+state.*; point the state directory at one that the sidecar may write to$/,
  },
  'the state directory of another service': {
    args: (context) => proxy(context, '--service=api'),
    says: /expected the state of spiffe:\S+\/api in \S+identity\.json, but it is that of spiffe:\S+\/web; give each service a state directory of its own$/,
  },
  'a state that others may read': {
    args: (context) => proxy(context, `--state-dir=${copyOfState(context, 'open', 0o644)}`),
    says: /expected mode 0600 on \S+identity\.json, which holds a private key, got 0644; run chmod 600/,
  },
  'a state that is damaged': {
    args: (context) => proxy(context, `--state-dir=${copyOfState(context, 'half', 0o600, 200)}`),
    says: /expected the state of a sidecar in \S+identity\.json, got something else; start once with a join token/,
    code: 1,
  },
  'no token and no state': {
    args: (context) => proxy(context, `--state-dir=${path.join(context.directory, 'none')}`),
    says: /expected a join token, because there is no certificate in the state directory; make one with: hauberk token create --namespace default --service web$/,
  },
};

for (const [what, { args, env, says, code = 2 }] of Object.entries(MISTAKES)) {
  test.serial(`one sentence and exit code ${code}: ${what}`, async (t) => {
    const options = env === undefined ? {} : { env: env(t.context) };
    const ended = await runHauberk(args(t.context), options);
    isOneSentence(t, ended);
    t.regex(ended.stderr.trimEnd(), says);
    t.is(ended.code, code);
  });
}

test.serial(
  'the same sidecar starts with its state, and nothing of the above has harmed it',
  async (t) => {
    const { mesh, web } = t.context;
    const again = await mesh.revive(web);
    t.is(await again.process.end(), 0);
  },
);

// Who may make network namespaces may mount a disk, too.
requires<Context>('network-namespaces').serial(
  'a full disk is named, and the same directories serve when there is space again',
  async (t) => {
    const { directory, mesh } = t.context;
    const disk = path.join(directory, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'hauberk-test', disk]);
    try {
      const filler = path.join(disk, 'filler');
      t.throws(() => writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024)), { code: 'ENOSPC' });
      const [data, state] = [path.join(disk, 'data'), path.join(disk, 'state')];

      const full = await runHauberk(controlPlane(data, ...LISTEN));
      isOneSentence(t, full);
      t.regex(
        full.stderr,
        /data directory \S+ cannot be used: no space is left .*; free space there/,
      );
      t.is(full.code, 2);
      const token = await mesh.token(['--namespace', 'default', '--uses', '1']);
      const sidecar = await runHauberk(proxy(t.context, `--state-dir=${state}`), {
        env: { HAUBERK_TOKEN: token },
      });
      isOneSentence(t, sidecar);
      t.regex(
        sidecar.stderr,
        /cannot write \S+state: (?:ENOSPC|.*disk is full).*; free space on its file system$/m,
      );
      t.is(sidecar.code, 2);

      rmSync(filler);
      const starts = startHauberk(controlPlane(data, ...LISTEN));
      await starts.logged('ready');
      t.is(await starts.end(), 0);
      const joins = await mesh.sidecar({ service: 'web', token, stateDirectory: state });
      t.is(await joins.process.end(), 0, 'the token was not spent in vain');
    } finally {
      execFileSync('umount', [disk]);
    }
  },
);

function isOneSentence(
  t: ExecutionContext,
  { stdout, stderr }: { stdout: string; stderr: string },
) {
  t.regex(stderr, /^hauberk (?:proxy|control-plane): [^\n]+\n$/, 'one line on standard error');
  t.notRegex(`${stdout}${stderr}`, /^\s+at |\bError:|undefined|\[object/m);
}

function copyOfState({ directory, web }: Context, name: string, mode: number, length?: number) {
  const place = path.join(directory, name);
  mkdirSync(place, { mode: 0o700 });
  const text = readFileSync(path.join(web.stateDirectory, 'identity.json'), 'utf8');
  writeFileSync(path.join(place, 'identity.json'), text.slice(0, length));
  chmodSync(path.join(place, 'identity.json'), mode);
  return place;
}
