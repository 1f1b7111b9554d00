import type { Logger } from 'pino';
import type { ApplyMeshConfigResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import { MeshConfigStoreError } from '../../policy/mesh-config-error.ts';
import type { ConfigOutcome, MeshConfigStore } from '../../policy/mesh-config-store.ts';
import type { AdminHandlers, ForOperators } from './for-operators.ts';

/** What the mesh configuration's part of the operators' interface needs. */
export interface MeshConfigHandlersOptions {
  readonly configs: MeshConfigStore;
  /** The file that the mesh configuration comes from, when it does. */
  readonly configFile: string | undefined;
  readonly logger: Logger;
}

/** The mesh configuration, for operators. */
export function createMeshConfigHandlers(
  { configs, configFile, logger }: MeshConfigHandlersOptions,
  forOperators: ForOperators,
): Pick<
  AdminHandlers,
  'getMeshConfig' | 'applyMeshConfig' | 'rollbackMeshConfig' | 'listMeshConfigs'
> {
  const requireNoFile = (): void => {
    if (configFile === undefined) return;
    const sentence = `this control plane takes the mesh configuration from ${configFile}`;
    const hint = 'change the file, or start the control plane without --mesh-config';
    throw new MeshConfigStoreError('config-from-file', sentence, { hint });
  };
  const report = (what: string, { current, changed, revision }: ConfigOutcome) => {
    const { version } = current;
    if (changed) {
      const line = { event: 'mesh-config-applied', configVersion: version };
      logger.info(line, `an operator ${what}: ${version}`);
    }
    const response: ApplyMeshConfigResponse = {
      config: current,
      changed,
      viewVersion: revision,
    };
    return response;
  };
  return {
    getMeshConfig: forOperators(async ({ version }) => ({
      config: version === undefined ? configs.current() : await configs.version(version),
      file: configFile,
    })),
    applyMeshConfig: forOperators(async ({ document, baseVersion, dryRun }) => {
      const change = { document, baseVersion, origin: 'apply' };
      if (dryRun) {
        configs.check(change);
        const config = configs.current();
        return { config, changed: false, viewVersion: 0 };
      }
      requireNoFile();
      return report('applied a mesh configuration', await configs.apply(change));
    }),
    rollbackMeshConfig: forOperators(async ({ version }) => {
      requireNoFile();
      return report('rolled the mesh configuration back', await configs.rollback(version));
    }),
    listMeshConfigs: forOperators(async () => ({
      configs: (await configs.history()).map(({ version, appliedMs, origin }) => ({
        version,
        appliedMs,
        origin,
        document: '',
      })),
    })),
  };
}
