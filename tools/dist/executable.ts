import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from './release.ts';
import { run } from './run.ts';
import { HOST, nodeOf, stripperOf, type Target } from './target.ts';

/** What is only for warnings about Node.js's own features that are used on purpose. */
const QUIET = '--disable-warning=ExperimentalWarning';
/** Parts are modules that the executable compiles itself: tools/dist/start/executable.ts. */
const MODULES = '--experimental-vm-modules';
/** Writes what V8 has made of a part. */
const COMPILE = join(import.meta.dirname, 'compile.ts');

/**
 * Makes one file of Node.js and the parts of the bundle: a single executable application of Node.js, with the flags that the launcher
 * gives. For the own platform it has the compiled code as well; V8 takes that only from its like.
 *
 * @returns the name of the file in the folder of the release
 */
export async function makeExecutable(release: Release, target: Target): Promise<string> {
  const { root, folder, manifest, bundle } = release;
  if (target === 'darwin-arm64' && target !== HOST) {
    throw new Error('an executable for macOS has to be signed by codesign: run this on macOS');
  }
  const name = `${manifest.name}-${manifest.version}-${target}`;
  await mkdir(folder, { recursive: true });
  const staging = await mkdtemp(join(folder, 'executable-'));
  try {
    const file = (part: string): string => join(staging, part);
    await writeFile(file('hauberk.js'), bundle.start.executable);
    await stripped(await nodeOf(target, root), file('node'), target);
    const flags = [QUIET, MODULES, ...(await launcherFlags(root))];
    // V8 takes compiled code that was made with other flags for foreign. With a seed the code is the same each
    // time; it is not one of those flags. Nor is it the same when Node.js takes its own modules from a compile
    // cache, as the environment may have it: it gets none.
    const onNode = (...args: string[]): string =>
      run(process.execPath, [...flags, '--random-seed=1', ...args], { cwd: staging, env: {} });
    const assets: string[] = [];
    for (const [part, code] of Object.entries(bundle.parts)) {
      const source = `${part}.js`;
      await writeFile(file(source), code);
      assets.push(source);
      if (target !== HOST) continue;
      onNode(COMPILE, source, `${source}.compiled`);
      assets.push(`${source}.compiled`);
    }
    const config = {
      // Its name is in what is made, and the folder is another one each time.
      main: 'hauberk.js',
      executable: 'node',
      output: join(folder, name),
      mainFormat: 'module',
      disableExperimentalSEAWarning: true,
      useCodeCache: target === HOST,
      // Node.js would take --env-file for its own, wherever it stands before a --.
      execArgv: [...flags, '--'],
      assets: Object.fromEntries(assets.map((asset) => [asset, asset])),
    };
    await writeFile(file('sea.json'), JSON.stringify(config));
    onNode('--build-sea', 'sea.json');
    if (target === 'darwin-arm64') run('codesign', ['--force', '--sign', '-', config.output]);
  } finally {
    await rm(staging, { recursive: true });
  }
  return name;
}

/** The flags in cli/hauberk, which has the reasons for them. */
async function launcherFlags(root: string): Promise<string[]> {
  const launcher = await readFile(join(root, 'cli/hauberk'), 'utf8');
  const [, flags] = /^flags='(.*)'$/m.exec(launcher) ?? [];
  if (flags === undefined) throw new Error("cli/hauberk has no line flags='…'");
  return flags.split(' ');
}

/** Without symbols it is a quarter smaller. Where nothing can strip it, that fails: a file of another size is another file. */
async function stripped(node: string, output: string, target: Target): Promise<void> {
  if (target === 'darwin-arm64') return await copyFile(node, output);
  const strip = stripperOf(target);
  if (strip === undefined) {
    const name = target === HOST ? 'binutils' : `binutils for ${target}`;
    throw new Error(`there is no strip for ${target} here; install ${name}`);
  }
  run(strip, ['-o', output, node]);
}
