import { endToEnd, type Field, listOf } from './fields.ts';
import type { RequestHead } from './request-head.ts';

/** What a service is told of the client. */
export interface ForwardedClient {
  readonly address: string;
  /** The value of `X-Forwarded-Client-Cert`; undefined when the client showed none. */
  readonly certificate: string | undefined;
}

/**
 * What only a proxy may say of a client. A client outside could say it too, so that all of it is
 * taken away; so are `X_Forwarded_For` and the like, which many frameworks take for the same.
 */
const CLAIMS =
  /^(?:x-forwarded(?:-.*)?|forwarded|x-real-ip|x-client-ip|client-ip|true-client-ip|x-cluster-client-ip|x-original-.*|x-rewrite-url|x-envoy-.*|x-(?:ssl-)?client-(?:cert|verify|dn|san|subject|issuer|serial)(?:-.*)?|ssl-client-.*|client-cert(?:-chain)?|x-hauberk-.*|proxy)$/;

/** Set again below, or dealt with by us. */
const REPLACED: ReadonlySet<string> = new Set(['host', 'content-length', 'expect']);

/** Methods whose requests say that their body is empty (RFC 9110 section 8.6). */
const EXPECT_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * The fields that a service gets, but for the framing of its body: what came, without what no client
 * outside may say.
 */
export function requestFields(head: RequestHead, client: ForwardedClient): Field[] {
  const passed = endToEnd(head.fields).filter(([name]) => {
    const key = name.toLowerCase().replaceAll('_', '-');
    return !REPLACED.has(key) && !CLAIMS.test(key) && key !== 'cookie';
  });
  // HTTP/2 may send several (RFC 9113 section 8.2.3), of which many servers read one.
  const cookies = endToEnd(head.fields).filter(([name]) => name.toLowerCase() === 'cookie');
  const cookie = cookies.map(([, value]) => value).join('; ');
  return [
    ...passed,
    ...(cookies.length === 0 ? [] : ([['Cookie', cookie]] as const)),
    ['X-Forwarded-For', client.address],
    ['X-Forwarded-Proto', head.scheme],
    ...(client.certificate === undefined
      ? []
      : ([['X-Forwarded-Client-Cert', client.certificate]] as const)),
  ];
}

/** How the body is framed in HTTP/1.1: said always, since node:http leaves it out for some methods. */
export function framingFields({ method, hasBody, contentLength }: RequestHead): Field[] {
  if (contentLength !== undefined) return [['Content-Length', String(contentLength)]];
  if (hasBody) return [['Transfer-Encoding', 'chunked']];
  return EXPECT_CONTENT.has(method) ? [['Content-Length', '0']] : [];
}

/** `te: trailers` is the one hop-by-hop field that HTTP/2 has, and gRPC wants it (RFC 9113 section 8.2.2). */
export function wantsTrailers(head: RequestHead): boolean {
  return listOf(head.fields, 'te').includes('trailers');
}
