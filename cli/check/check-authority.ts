import { formatSpan } from '../output/relative-time.ts';
import { count, failed, listNames, ok, warning, type Finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

const DAY_MS = 86_400_000;

/** A root is replaced in minutes, but an operator has to think of it. */
const ROOT_WARNING_MS = 30 * DAY_MS;

/** The control plane renews both long before; what is so late does not renew itself. */
const CREDENTIAL_WARNING_MS = 2 * DAY_MS;
const ISSUER_WARNING_MS = DAY_MS;

/** Control planes, keys, root and issuer, credentials, other trust domains. */
export function checkAuthority(facts: MeshFacts): readonly Finding[] {
  return [
    controlPlanes(facts),
    credential(facts),
    keys(facts),
    root(facts),
    issuer(facts),
    rotation(facts),
    ...federation(facts),
  ];
}

function controlPlanes({ controlPlanes: all }: MeshFacts): Finding {
  const check = 'control-planes';
  const versions = [...new Set(all.map(({ softwareVersion }) => softwareVersion))];
  if (versions.length > 1) {
    const sentence = `the control planes have ${versions.length} versions: ${versions.join(', ')}`;
    return warning(check, sentence, 'finish the upgrade of the others');
  }
  if (all.length > 1 && !all.some(({ leads }) => leads)) {
    const sentence = `none of ${all.length} control planes leads: no root is rotated, and no token expires`;
    return failed(
      check,
      sentence,
      'look into the log of the control planes for the lease of the leader',
    );
  }
  const [version = 'unknown'] = versions;
  return ok(check, `${count(Math.max(all.length, 1), 'control plane')} of version ${version}`);
}

function credential({ credentialNotAfterMs, nowMs }: MeshFacts): Finding {
  const leftMs = credentialNotAfterMs - nowMs;
  const sentence = `the credential of this operator is valid for ${formatSpan(leftMs)}`;
  return leftMs > CREDENTIAL_WARNING_MS
    ? ok('operator-credential', sentence)
    : warning(
        'operator-credential',
        sentence,
        'copy the admin.pem of the control plane again, which renews it',
      );
}

function keys({ keysEncrypted }: MeshFacts): Finding {
  return keysEncrypted
    ? ok('private-keys', 'the private keys of the mesh are encrypted')
    : warning(
        'private-keys',
        'the private keys of the mesh are not encrypted in the store',
        'encrypt them with: hauberk ca rekey',
      );
}

function root({ authority, nowMs }: MeshFacts): Finding {
  const leftMs = authority.rootNotAfterMs - nowMs;
  const sentence = `the root is valid for ${formatSpan(leftMs)}`;
  const remedy = 'replace it with: hauberk ca rotate';
  if (leftMs <= 0)
    return failed('root', 'the root has expired: no certificate is accepted', remedy);
  return leftMs > ROOT_WARNING_MS ? ok('root', sentence) : warning('root', sentence, remedy);
}

function issuer({ authority, nowMs }: MeshFacts): Finding {
  const leftMs = authority.issuerNotAfterMs - nowMs;
  const sentence = `the issuer is valid for ${formatSpan(leftMs)}`;
  const remedy = authority.rootKeyHere
    ? 'look into the log of the control plane, which renews it, for why it did not'
    : 'sign a new one with the offline root: hauberk ca csr, hauberk ca install';
  if (leftMs <= 0) {
    return failed('issuer', 'the issuer has expired: nothing is issued or renewed', remedy);
  }
  return leftMs > ISSUER_WARNING_MS ? ok('issuer', sentence) : warning('issuer', sentence, remedy);
}

function rotation({ authority: { rotation: under } }: MeshFacts): Finding {
  if (under === undefined) return ok('root-rotation', 'no rotation of the root is under way');
  const { phase, done, total, blockers } = under;
  const sentence = `a rotation of the root is in the phase ${phase}, ${done} of ${total} are through`;
  if (blockers.length === 0) return ok('root-rotation', sentence);
  const names = listNames(blockers.map(({ spiffeId }) => spiffeId));
  return warning('root-rotation', `${sentence}; it waits for ${names}`, 'see: hauberk ca status');
}

function federation({ federated, nowMs }: MeshFacts): readonly Finding[] {
  if (federated.length === 0) return [];
  const failing = federated.filter(({ failingSinceMs }) => failingSinceMs !== undefined);
  if (failing.length === 0) {
    return [
      ok('federation', `the bundles of ${count(federated.length, 'trust domain')} are fresh`),
    ];
  }
  return failing.map(({ trustDomain, failingSinceMs = nowMs, failure = '' }) => {
    const span = formatSpan(nowMs - failingSinceMs);
    const sentence = `the bundle of ${trustDomain} has not been refreshed for ${span}: ${failure}`;
    return failed('federation', sentence, 'docs/trust-bundle.md says what each failure means');
  });
}
