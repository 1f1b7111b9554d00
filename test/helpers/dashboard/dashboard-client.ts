import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

/** What is sent; browsers add `Host`, `Origin` and `Sec-Fetch-Site` by themselves. */
export interface DashboardRequest {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back. */
export interface DashboardResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** The code of a refusal. */
  readonly code: string | undefined;
}

/** Asks a dashboard as no browser would: every field is as it is given. */
export async function askDashboard(
  origin: string,
  path: string,
  { method = 'GET', headers = {}, body }: DashboardRequest = {},
): Promise<DashboardResponse> {
  const options = { method, headers, agent: false, rejectUnauthorized: false };
  const request = origin.startsWith('https')
    ? https.request(`${origin}${path}`, options)
    : http.request(`${origin}${path}`, options);
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const answer = await text(response);
  const isJson = response.headers['content-type']?.startsWith('application/json') === true;
  const code = isJson ? (JSON.parse(answer) as { code?: string }).code : undefined;
  return { status: response.statusCode ?? 0, headers: response.headers, body: answer, code };
}

/** The fields of a browser that has signed in. */
export interface SignedIn {
  readonly cookie: string;
  readonly 'x-hauberk-key': string;
}

/** Signs in with the code of a link, as the page does. */
export async function signInWith(origin: string, code: string): Promise<DashboardResponse> {
  return await askDashboard(origin, '/api/sign-in', {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
}

/** What the answer to a sign-in lets a browser send. */
export function signedIn({ headers, body }: DashboardResponse): SignedIn {
  const [cookie = ''] = headers['set-cookie'] ?? [];
  const { key } = JSON.parse(body) as { key: string };
  return { cookie: cookie.split(';', 1)[0] ?? '', 'x-hauberk-key': key };
}
