import packageManifest from '../../package.json' with { type: 'json' };

/** The version of this software, as its manifest says. */
export const SOFTWARE_VERSION: string = packageManifest.version;
