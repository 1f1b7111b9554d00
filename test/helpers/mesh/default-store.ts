/** The settings of a control plane whose state is in its data directory. */
export const DEFAULT_STORE = {
  store: undefined,
  storeCa: undefined,
  storeCert: undefined,
  storeKey: undefined,
  storeUser: undefined,
  storePasswordFile: undefined,
  storePrefix: '/hauberk/',
} as const;
