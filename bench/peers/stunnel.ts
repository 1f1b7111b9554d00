import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialFiles } from '../lab/certificates.ts';
import { CALLEE_NAME } from '../lab/certificates.ts';
import type { Peer } from './peer.ts';
import { programVersion } from './program-version.ts';

/** stunnel on both sides. */
export const stunnelPeer: Peer = {
  id: 'stunnel',
  title: 'stunnel',
  kind: 'one-to-one',
  program: 'stunnel',
  install: 'apt-get install stunnel4',
  note: 'it has a thread for each connection, which cannot be made one; both cores are open to it',
  version: () => programVersion('stunnel', ['-version'], /stunnel (\S+)/),
  plans: {
    sidecars({ directory, app, certificates: { root, caller, callee }, ports }) {
      const file = (side: string, text: string): string => {
        const path = join(directory, `${side}.conf`);
        writeFileSync(path, text);
        return path;
      };
      const callerConfig = file(
        'caller',
        `${common(root, caller)}client = yes
accept = 127.0.0.1:${ports.plaintext}
connect = 127.0.0.1:${ports.tls}
checkHost = ${CALLEE_NAME}
`,
      );
      const calleeConfig = file(
        'callee',
        `${common(root, callee)}accept = 127.0.0.1:${ports.tls}
connect = 127.0.0.1:${app.httpPort}
`,
      );
      return Promise.resolve({
        caller: { name: 'caller', program: 'stunnel', args: [callerConfig] },
        callee: { name: 'callee', program: 'stunnel', args: [calleeConfig] },
        metrics: [],
      });
    },
  },
};

function common(root: string, { chain, key }: CredentialFiles): string {
  return `foreground = yes
pid =
syslog = no
debug = warning
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[carry]
sslVersionMin = TLSv1.3
verifyChain = yes
CAfile = ${root}
cert = ${chain}
key = ${key}
`;
}
