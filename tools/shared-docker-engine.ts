import {
  answersDocker,
  ownEngineEnvironment,
  SHARED_ENGINE,
} from '../test/helpers/docker/docker-engine.ts';
import { makeBaseImage } from '../test/helpers/docker/base-image.ts';
import { startOwnEngine } from '../test/helpers/docker/own-engine.ts';
import type { Scope } from '../test/helpers/scope.ts';

/** An engine for all test files of a run. */
export interface SharedDockerEngine extends AsyncDisposable {
  /** What the tests are started with. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Starts one Docker engine for the run where none answers, so that not each test file has to. Its
 * base image is made meanwhile; its users wait for it.
 */
export async function shareDockerEngine(): Promise<SharedDockerEngine> {
  const parts = new AsyncDisposableStack();
  const scope: Scope = {
    teardown(end) {
      parts.defer(async () => {
        await end();
      });
    },
  };
  let env = process.env;
  try {
    if (!answersDocker(env)) {
      const own = await startOwnEngine(scope);
      env = { ...ownEngineEnvironment(own), [SHARED_ENGINE]: '1' };
      makeBaseImage(scope, env, own.directory).catch((error: unknown) => console.error(error));
    }
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
  return { env, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
