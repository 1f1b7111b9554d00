import type { AdminClient as AdminStub } from '../proto/gen/hauberk/v1/admin.ts';
import type * as wire from '../proto/gen/hauberk/v1/admin.ts';
import type { Ask } from './client-call.ts';

/** One version of the mesh configuration. */
export interface MeshConfigInfo {
  /** 0: there never was one. */
  readonly version: number;
  /** Empty in a list. */
  readonly document: string;
  /** Undefined for version 0. */
  readonly appliedMs: number | undefined;
  /** `apply`, `rollback to 3`, `file mesh.yaml`, `none`. */
  readonly origin: string;
}

/** What a change of the mesh configuration led to. */
export interface MeshConfigOutcome {
  /** What is in force now. */
  readonly config: MeshConfigInfo;
  readonly changed: boolean;
  /** Sidecars that have acknowledged this version of the view, or a later one, have it. */
  readonly viewVersion: number;
}

/** The part of the operators' interface that is about mesh.yaml. */
export interface MeshConfigClient {
  /** What is in force, and the file that the control plane takes it from, when it does. */
  getMeshConfig(): Promise<MeshConfigInfo & { readonly file: string | undefined }>;
  /** Takes a document into force, unless another version than the base is there. */
  applyMeshConfig(
    document: string,
    options: { readonly baseVersion: number; readonly dryRun: boolean },
  ): Promise<MeshConfigOutcome>;
  /** Goes back to a version, or to the previous version. */
  rollbackMeshConfig(version: number | undefined): Promise<MeshConfigOutcome>;
  /** Newest first, without documents. */
  listMeshConfigs(): Promise<MeshConfigInfo[]>;
}

/** The calls, on a stub. */
export function meshConfigCalls(stub: AdminStub, ask: Ask): MeshConfigClient {
  return {
    async getMeshConfig() {
      const { config, file } = await ask<wire.GetMeshConfigResponse>((...rest) =>
        stub.getMeshConfig({}, ...rest),
      );
      return { ...toMeshConfig(config), file: file || undefined };
    },
    async applyMeshConfig(document, { baseVersion, dryRun }) {
      const request = { document, baseVersion, dryRun };
      return toOutcome(
        await ask<wire.ApplyMeshConfigResponse>((...rest) =>
          stub.applyMeshConfig(request, ...rest),
        ),
      );
    },
    async rollbackMeshConfig(version) {
      return toOutcome(
        await ask<wire.RollbackMeshConfigResponse>((...rest) =>
          stub.rollbackMeshConfig({ version }, ...rest),
        ),
      );
    },
    async listMeshConfigs() {
      const { configs } = await ask<wire.ListMeshConfigsResponse>((...rest) =>
        stub.listMeshConfigs({}, ...rest),
      );
      return configs.map(toMeshConfig);
    },
  };
}

function toOutcome({ config, changed, viewVersion }: wire.ApplyMeshConfigResponse) {
  return { config: toMeshConfig(config), changed, viewVersion };
}

function toMeshConfig(config: wire.MeshConfig | undefined): MeshConfigInfo {
  const { version = 0, document = '', appliedMs, origin = '' } = config ?? {};
  return { version, document, appliedMs: appliedMs || undefined, origin };
}
