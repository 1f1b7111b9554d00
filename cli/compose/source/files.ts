/** The files of a machine, as far as they are read. */
export interface Files {
  /** @throws ConfigError when it is not there, or cannot be read */
  readonly read: (path: string) => string;
  readonly isFile: (path: string) => boolean;
  readonly readStandardInput: () => string;
}
