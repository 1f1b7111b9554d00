import { parseHostPort, type HostPort } from '../../common/config/address.ts';
import {
  listSetting,
  secretSetting,
  setting,
  switchSetting,
  type SettingsOf,
  type SettingsTable,
} from '../../common/config/settings.ts';
import {
  choice,
  durationSeconds,
  filePath,
  httpUrl,
  text,
  trustDomain,
  valueType,
  type ValueType,
} from '../../common/config/values.ts';
import { LOG_LEVELS } from '../../common/logging/logger.ts';
import {
  DEFAULT_LEAF_LIFETIME_MS,
  MAX_LEAF_LIFETIME_MS,
  MIN_LEAF_LIFETIME_MS,
} from '../../common/pki/lifetimes.ts';
import { storeLocation, storePrefix } from './store-location.ts';
import { parseTokenFileOrder } from './token-file.ts';

const listenAddress: ValueType<HostPort> = valueType('HOST:PORT', (raw) => parseHostPort(raw, 0));

const listenOrOff: ValueType<HostPort | 'off'> = valueType('HOST:PORT or off', (raw) =>
  raw === 'off' ? raw : parseHostPort(raw, 0),
);

/** A colon would end it (RFC 7617, section 2). */
const userName: ValueType<string> = valueType('a name without a colon', (raw) =>
  /^[^:\p{Cc}]+$/u.test(raw) ? raw : undefined,
);

/** Nothing here takes long to end: sidecars reconnect. */
const MAX_DRAIN_SECONDS = 600;

/** A stolen copy of an operator's credential must not live for ever. */
const DEFAULT_OPERATOR_RENEWAL_SECONDS = 30 * 24 * 60 * 60;

/** Longer than a year is for ever. */
const MAX_OPERATOR_RENEWAL_SECONDS = 365 * 24 * 60 * 60;

/** Everything that `hauberk control-plane` can be told. */
export const controlPlaneSettings = {
  dataDir: setting(filePath, {
    description: 'directory of the store, the root certificate and the credential of the operator',
    placeholder: 'DIR',
  }),
  store: setting(storeLocation.optional(), {
    description:
      'where the state is kept: sqlite:FILE, or etcd://HOST:PORT,HOST:PORT, which several control planes can share; by default hauberk.db in the data directory',
    placeholder: 'STORE',
  }),
  storeCa: setting(filePath.optional(), {
    description:
      'certificates of the authorities that sign those of etcd, in PEM, read again when they change; by default those that Node.js knows',
    placeholder: 'FILE',
    advanced: true,
  }),
  storeCert: setting(filePath.optional(), {
    description: 'certificate that etcd is shown, in PEM; read again when it changes',
    placeholder: 'FILE',
    advanced: true,
  }),
  storeKey: setting(filePath.optional(), {
    description: 'private key of that certificate, in PEM; read again when it changes',
    placeholder: 'FILE',
    advanced: true,
  }),
  storeUser: setting(text.optional(), {
    description: 'user of etcd, where it has users',
    placeholder: 'NAME',
    advanced: true,
  }),
  storePasswordFile: setting(filePath.optional(), {
    description: 'file with the password of that user; read again when etcd asks for it',
    placeholder: 'FILE',
    advanced: true,
  }),
  storePrefix: setting(storePrefix.default('/hauberk/'), {
    description: 'what all keys in etcd begin with; meshes that share a cluster differ in it',
    placeholder: 'PREFIX/',
    advanced: true,
  }),
  grpcListen: setting(listenAddress.default({ host: '::', port: 15_012 }), {
    description: 'where sidecars and operators connect; port 0 lets the system choose',
    placeholder: 'HOST:PORT',
    defaultText: '[::]:15012',
  }),
  httpListen: setting(listenAddress.default({ host: '::', port: 15_014 }), {
    description: 'where metrics and health are served; port 0 lets the system choose',
    placeholder: 'HOST:PORT',
    defaultText: '[::]:15014',
    advanced: true,
  }),
  advertise: listSetting(
    valueType('HOST:PORT', (raw) => parseHostPort(raw)),
    {
      description:
        'where sidecars reach this control plane, as the status shows it in JSON; by default the address that it listens on, or those of this host',
      placeholder: 'HOST:PORT',
      advanced: true,
    },
  ),
  trustDomain: setting(trustDomain.default('mesh.local'), {
    description: 'trust domain of the mesh; it cannot be changed after the first start',
    placeholder: 'NAME',
  }),
  certificateLifetime: setting(
    durationSeconds({
      min: MIN_LEAF_LIFETIME_MS / 1000,
      max: MAX_LEAF_LIFETIME_MS / 1000,
    }).default(DEFAULT_LEAF_LIFETIME_MS / 1000),
    {
      description: 'lifetime of certificates for sidecars that request none',
      placeholder: 'TIME',
      formerly: 'leafLifetimeSeconds',
    },
  ),
  renewAfterExpiry: setting(
    durationSeconds({ min: 0, max: MAX_LEAF_LIFETIME_MS / 1000 }).default(86_400),
    {
      description: 'how long after its expiry a certificate may still be renewed; 0 for never',
      placeholder: 'TIME',
      advanced: true,
    },
  ),
  issueWithoutStore: switchSetting({
    description:
      'renew certificates also while the store is gone, and write them to the issuance log when it is back',
  }),
  operatorRenewal: setting(
    durationSeconds({ min: 0, max: MAX_OPERATOR_RENEWAL_SECONDS }).default(
      DEFAULT_OPERATOR_RENEWAL_SECONDS,
    ),
    {
      description:
        "how long after its first issue an operator's credential may be renewed; 0 for never",
      placeholder: 'TIME',
      advanced: true,
    },
  ),
  writeToken: listSetting(valueType('NAMESPACE/SERVICE=FILE', parseTokenFileOrder), {
    description: 'a file to which a join token for that service is written, and kept fresh',
    placeholder: 'NAMESPACE/SERVICE=FILE',
  }),
  meshConfig: setting(filePath.optional(), {
    description:
      'file with the configuration of the mesh, read again when it changes; replaces hauberk apply',
    placeholder: 'FILE',
  }),
  issuerCert: setting(filePath.optional(), {
    description:
      'chain from an issuer of your own PKI to its root, in PEM; read again when it changes',
    placeholder: 'FILE',
  }),
  issuerKey: setting(filePath.optional(), {
    description: 'private key of that issuer, in PEM; read again when it changes',
    placeholder: 'FILE',
  }),
  unlockKeyFile: setting(filePath.optional(), {
    description: 'file of 32 bytes that encrypts the private keys of the mesh',
    placeholder: 'FILE',
  }),
  unlockPassphrase: secretSetting(text.optional(), {
    description: 'a passphrase that encrypts the private keys of the mesh, instead of a key file',
  }),
  bundleListen: setting(listenAddress.optional(), {
    description:
      'where to serve the trust bundle to other trust domains over HTTPS; by default it is not served',
    placeholder: 'HOST:PORT',
  }),
  bundleCert: setting(filePath.optional(), {
    description:
      "certificate of the bundle endpoint, in PEM, read again when it changes; by default the control plane's own",
    placeholder: 'FILE',
  }),
  bundleKey: setting(filePath.optional(), {
    description: 'private key of that certificate, in PEM, read again when it changes',
    placeholder: 'FILE',
  }),
  dashboardListen: setting(listenOrOff.default({ host: '127.0.0.1', port: 15_080 }), {
    description:
      'where to serve the dashboard; off for nowhere; beyond loopback it needs a certificate',
    placeholder: 'HOST:PORT',
    defaultText: '127.0.0.1:15080',
  }),
  dashboardCert: setting(filePath.optional(), {
    description: 'certificate of the dashboard, in PEM, read again when it changes',
    placeholder: 'FILE',
  }),
  dashboardKey: setting(filePath.optional(), {
    description: 'private key of that certificate, in PEM, read again when it changes',
    placeholder: 'FILE',
  }),
  prometheus: setting(httpUrl.optional(), {
    description:
      'Prometheus that scrapes the mesh, as in http://127.0.0.1:9090: the dashboard shows its longer history',
    placeholder: 'URL',
  }),
  prometheusUser: setting(userName.optional(), {
    description: 'user of Prometheus, where it asks for one (basic_auth)',
    placeholder: 'NAME',
    advanced: true,
  }),
  prometheusPasswordFile: setting(filePath.optional(), {
    description: 'file with the password of that user; read again for each question',
    placeholder: 'FILE',
    advanced: true,
  }),
  prometheusTokenFile: setting(filePath.optional(), {
    description:
      'file with a bearer token for Prometheus, instead of a user; read again for each question',
    placeholder: 'FILE',
    advanced: true,
  }),
  prometheusCa: setting(filePath.optional(), {
    description:
      'certificates of the authorities that sign that of Prometheus, in PEM, read again for each question; by default those that Node.js knows',
    placeholder: 'FILE',
    advanced: true,
  }),
  prometheusCert: setting(filePath.optional(), {
    description: 'certificate that Prometheus is shown, in PEM; read again for each question',
    placeholder: 'FILE',
    advanced: true,
  }),
  prometheusKey: setting(filePath.optional(), {
    description: 'private key of that certificate, in PEM; read again for each question',
    placeholder: 'FILE',
    advanced: true,
  }),
  drainTimeout: setting(durationSeconds({ min: 0, max: MAX_DRAIN_SECONDS }).default(10), {
    description: 'how long a shutdown waits for running calls',
    placeholder: 'TIME',
    formerly: 'drainSeconds',
    advanced: true,
  }),
  logLevel: setting(choice(LOG_LEVELS).default('info'), {
    description: `one of ${LOG_LEVELS.join(', ')}`,
    placeholder: 'LEVEL',
  }),
} satisfies SettingsTable;

/** The settings, checked. */
export type ControlPlaneSettings = SettingsOf<typeof controlPlaneSettings>;

/** Everything that `hauberk store migrate` can be told. */
export const migrateSettings = {
  from: setting(storeLocation, {
    description: 'the store that has the state: sqlite:FILE, or etcd://HOST:PORT,HOST:PORT',
    placeholder: 'STORE',
  }),
  to: setting(storeLocation, {
    description: 'the store that is to have it, of the other kind; nothing must be there yet',
    placeholder: 'STORE',
  }),
  storeCa: controlPlaneSettings.storeCa,
  storeCert: controlPlaneSettings.storeCert,
  storeKey: controlPlaneSettings.storeKey,
  storeUser: controlPlaneSettings.storeUser,
  storePasswordFile: controlPlaneSettings.storePasswordFile,
  storePrefix: controlPlaneSettings.storePrefix,
  unlockKeyFile: controlPlaneSettings.unlockKeyFile,
  unlockPassphrase: controlPlaneSettings.unlockPassphrase,
} satisfies SettingsTable;

/** Everything that `hauberk restore` can be told. */
export const restoreSettings = {
  dataDir: setting(filePath, {
    description: 'data directory to create; it must not contain a store yet',
    placeholder: 'DIR',
  }),
  keepTokens: switchSetting({
    description: 'keep the join tokens of the backup valid, although they may have been used since',
  }),
  unlockKeyFile: controlPlaneSettings.unlockKeyFile,
  unlockPassphrase: controlPlaneSettings.unlockPassphrase,
} satisfies SettingsTable;
