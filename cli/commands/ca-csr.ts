import { switchSetting } from '../../common/config/settings.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';

/** `hauberk ca csr` */
export const run = adminCommand(
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
    return json ? formatJson({ csr }) : csr;
  },
);
