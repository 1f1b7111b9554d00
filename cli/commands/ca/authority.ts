import { switchSetting } from '../../../common/config/settings.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import { authorityDocument, authorityReport } from './report.ts';
import { readOperatorFile } from '../../operator-file.ts';

/** `hauberk ca status` */
export const authorityStatus = adminCommand(
  {
    name: 'hauberk ca status',
    summary:
      'Shows root and issuer, when they expire, and the progress of a rotation of the root: how many sidecars of how many, and the names of those that it waits for.',
    examples: [{ purpose: 'root, issuer, rotation', line: 'hauberk ca status' }],
  },
  async (client, { json }, { clock }) => {
    const authority = await client.getAuthority();
    return json ? authorityDocument(authority) : authorityReport(authority, clock.epochMs());
  },
);

/** `hauberk ca abort` */
export const abortRotation = adminCommand(
  {
    name: 'hauberk ca abort',
    summary:
      'Aborts a rotation of the root: at once while sidecars are still learning the new root, later by rotating back to the previous root step by step. Once the previous root is removed, the rotation is complete and cannot be aborted.',
    examples: [{ purpose: 'return to the previous root', line: 'hauberk ca abort' }],
  },
  async (client, { json }, { clock }) => {
    const authority = await client.abortRotation();
    return json ? authorityDocument(authority) : authorityReport(authority, clock.epochMs());
  },
);

/** `hauberk ca csr` */
export const requestIssuer = adminCommand(
  {
    name: 'hauberk ca csr',
    summary:
      'Prints the certificate request (PKCS#10, PEM) for an issuer below a root whose key is kept offline. The control plane makes the key and keeps it; until a certificate for it is installed, each request is for the same key.',
    settings: {
      newKey: switchSetting({
        description:
          'make a new key; a certificate for the previous request can then no longer be installed',
      }),
    },
    examples: [
      {
        purpose: 'make the request that the offline root signs',
        line: 'hauberk ca csr > issuer.csr',
      },
    ],
    notes: ['hauberk ca install installs the signed certificate: see docs/upstream-authority.md.'],
  },
  async (client, { newKey, json }) => {
    const csr = await client.requestIssuer({ fresh: newKey });
    return json ? { csr } : csr;
  },
);

/** `hauberk ca install FILE` */
export const installIssuer = adminCommand(
  {
    name: 'hauberk ca install',
    summary:
      'Checks and installs an issuer that was signed for the request of hauberk ca csr. A refused issuer changes nothing.',
    settings: {
      newRoot: switchSetting({
        description: 'accept an issuer below another root, and rotate the mesh to that root',
      }),
    },
    operands: [{ name: 'file', description: 'chain in PEM: the issuer first, the root last' }],
    examples: [
      { purpose: 'an issuer below the root of the mesh', line: 'hauberk ca install issuer.pem' },
      { purpose: 'an issuer below another root', line: 'hauberk ca install issuer.pem --new-root' },
    ],
  },
  async (client, { newRoot, json }, { clock, operands: [file = ''] }) => {
    const authority = await client.installIssuer({ chain: readOperatorFile(file), newRoot });
    return json ? authorityDocument(authority) : authorityReport(authority, clock.epochMs());
  },
);
