import { setting } from '../../common/config/settings.ts';
import { durationSeconds, integer, label } from '../../common/config/values.ts';
import { formatJson } from '../output/json.ts';
import { formatMoment } from '../output/relative-time.ts';
import { adminCommand } from './admin-command.ts';
import { tokenDocument } from './token-document.ts';

const YEAR_SECONDS = 365 * 86_400;

/** `hauberk token create` */
export const run = adminCommand(
  {
    name: 'hauberk token create',
    summary:
      'Makes a join token, with which a sidecar gets its first certificate. The token is printed once, and nothing else, so that the output can go into a file; the control plane keeps only its hash.',
    settings: {
      namespace: setting(label, {
        description: 'namespace that the token is valid for',
        placeholder: 'NAME',
      }),
      service: setting(label.optional(), {
        description: 'the only service that it is valid for; by default any of the namespace',
        placeholder: 'NAME',
      }),
      ttl: setting(durationSeconds({ min: 1, max: YEAR_SECONDS }).default(3_600), {
        description: 'how long it can be used, as in 30m, 1h, 7d',
        placeholder: 'TIME',
        defaultText: '1h',
      }),
      uses: setting(integer({ min: 0, max: 2 ** 31 - 1 }).default(1), {
        description: 'how many sidecars may join with it; 0 is without limit',
        placeholder: 'COUNT',
      }),
    },
    examples: [
      {
        purpose: 'a token for one sidecar of the service web',
        line: 'hauberk token create --namespace shop --service web > web.token',
      },
      {
        purpose: 'a token for all sidecars of a Compose project, valid for a day',
        line: 'hauberk token create --namespace shop --ttl 1d --uses 0 > shop.token',
      },
    ],
  },
  async (client, { namespace, service, ttl, uses, json }, context) => {
    const request = { namespace, service, ttlSeconds: ttl, uses: uses === 0 ? undefined : uses };
    const { joinToken, token } = await client.createToken(request);
    const nowMs = context.clock.epochMs();
    if (json) return formatJson({ joinToken, ...tokenDocument(token, nowMs) });
    const scope = `${token.service ?? 'any service'} in ${token.namespace}`;
    const expiry = formatMoment(token.expiresMs, nowMs);
    context.stderr.write(`token ${token.id} for ${scope} expires ${expiry}\n`);
    return `${joinToken}\n`;
  },
);
