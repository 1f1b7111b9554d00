import type { ProjectAnnotations, ServiceAnnotations } from './annotations.ts';
import type { BuildSource } from './dockerfile.ts';
import type { SourceLocation } from '../compose-error.ts';
import type { PortMapping, PortRange } from './port-mapping.ts';
import type { Plain, PlainMap } from '../yaml/yaml-fields.ts';

/** Something and its line. */
export interface Located<Value> {
  readonly value: Value;
  readonly location: SourceLocation;
}

/** An entry of `depends_on`. */
export interface Dependency {
  readonly service: string;
  /** The long form as it is written, with `condition` at least. */
  readonly options: PlainMap;
  /** Whether the project is good without that service. */
  readonly optional: boolean;
  /** Whether it waits until that service is healthy. */
  readonly healthy: boolean;
}

/** An entry of `links`. */
export interface Link {
  readonly service: string;
  readonly alias: string;
}

/** A service's connection to a network. */
export interface Attachment {
  readonly network: string;
  /** `aliases`, `ipv4_address` and the others, as they are written. */
  readonly options: PlainMap;
}

/** What there is to know about a service to put it into the mesh. */
export interface Service {
  readonly name: string;
  readonly location: SourceLocation;
  readonly annotations: ServiceAnnotations;
  readonly networkMode: Located<string> | undefined;
  readonly attachments: readonly Attachment[];
  readonly ports: readonly Located<PortMapping>[];
  readonly exposed: readonly Located<PortRange>[];
  readonly dependsOn: readonly Located<Dependency>[];
  readonly links: readonly Located<Link>[];
  /** Services named by `volumes_from`, `pid: service:` and `ipc: service:`. */
  readonly otherReferences: readonly Located<OtherReference>[];
  readonly replicas: number;
  /** Where that is written, or the service itself. */
  readonly replicasLocation: SourceLocation;
  readonly profiles: readonly string[];
  readonly containerName: string | undefined;
  /** Keys of `sysctls` that belong to the network (`net.…`), and the others. */
  readonly sysctls: { readonly net: PlainMap; readonly others: PlainMap };
  /** Keys that its own mapping or one that it merges in has. */
  readonly keys: ReadonlySet<string>;
  readonly health: HealthSource;
  readonly user: Located<string> | undefined;
  /** Whether it could undo the interception: privileged, or may change the rules of the network. */
  readonly controlsNetwork: boolean;
  /** The variables that decided how it is meshed, with what they came to. */
  readonly filledIn: ReadonlyMap<string, string>;
}

/** Where the test of a service's health check comes from. */
export type HealthSource =
  /** It is switched off. */
  | { readonly kind: 'none' }
  /** `healthcheck.test`, as it is written. */
  | { readonly kind: 'test'; readonly test: Plain }
  /** The image, if that has one. */
  | ImageHealth;

/** A health check that the image may have. */
export interface ImageHealth {
  readonly kind: 'image';
  /** Undefined for one that Compose builds and names. */
  readonly image: string | undefined;
  /** What Compose builds it from; undefined where it does not. */
  readonly build: BuildSource | undefined;
  /** Whether the file counts on it: `healthcheck` has more than a test, such as an interval. */
  readonly isTuned: boolean;
}

/** A reference other than `depends_on` and `links`. */
export interface OtherReference {
  readonly key: 'volumes_from' | 'pid' | 'ipc';
  readonly service: string;
}

/** A Compose project, as far as the mesh is concerned. */
export interface Project {
  /** What the services' namespace in the mesh is. */
  readonly namespace: string;
  readonly annotations: ProjectAnnotations;
  readonly services: ReadonlyMap<string, Service>;
  readonly networks: ReadonlySet<string>;
  readonly volumes: ReadonlySet<string>;
}
