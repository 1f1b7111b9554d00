import type {
  Answers,
  DryRunAnswer,
  Refused,
} from '../../control-plane/dashboard/answers/answers.ts';
import { after } from './time.ts';

/** The control plane refused a request, in a sentence and what to do. */
export class RefusedError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor({ code, message, hint }: Refused) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Where the page keeps what proves, with the cookie, that this browser has signed in; of this origin alone. */
const KEY = 'hauberk-key';
const KEY_FIELD = 'x-hauberk-key';

/** What is asked with a question. */
export type Question = Readonly<Record<string, string | number | undefined>>;

/** Asks for something. Rejects with RefusedError. */
export async function ask<Name extends keyof Answers>(
  name: Name,
  question: Question = {},
): Promise<Answers[Name]> {
  const response = await fetch(pathOf(name, question), { headers: fields() });
  return await read(response);
}

/** Asks what a document would change. Rejects with RefusedError. */
export async function dryRun(document: string): Promise<DryRunAnswer> {
  return await post('dry-run', { document });
}

/** Changes something, after a confirmation. Rejects with RefusedError. */
export async function change<Outcome>(name: string, given: object): Promise<Outcome> {
  return await post(name, given);
}

/** Trades the code of a link for a session. Rejects with RefusedError. */
export async function signIn(code: string): Promise<void> {
  const { key } = await post<{ readonly key: string }>('sign-in', { code });
  localStorage.setItem(KEY, key);
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  try {
    await post('sign-out', {});
  } finally {
    localStorage.removeItem(KEY);
  }
}

/** What is followed, and who is told. */
export interface Following {
  /** Of each event, by its topic. */
  readonly onEvent: (topic: string, value: unknown) => void;
  /** Whether the stream is there. */
  readonly onState: (state: 'live' | 'lost', error?: unknown) => void;
}

/** After a stream was lost; the control plane may be restarting. */
const RETRY_MS = 2_000;

/**
 * Follows topics by server-sent events, read from a fetch since that can send the field with the key. A hidden page
 * follows nothing: what nobody looks at is not measured either.
 *
 * @returns the function that ends it
 */
export function follow(question: Question, { onEvent, onState }: Following): () => void {
  let running: AbortController | undefined;
  let cancelRetry: () => void = () => {};
  let isOver = false;

  const run = async (): Promise<void> => {
    cancelRetry();
    running?.abort();
    if (isOver || document.hidden) return;
    const mine = new AbortController();
    running = mine;
    let error: unknown;
    try {
      const response = await fetch(pathOf('live', question), {
        headers: fields(),
        signal: mine.signal,
      });
      if (!response.ok || response.body === null) await read(response);
      onState('live');
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      await readEvents(reader, onEvent);
    } catch (thrown) {
      error = thrown;
    }
    if (mine.signal.aborted) return;
    onState('lost', error);
    cancelRetry = after(RETRY_MS, () => void run());
  };
  const onVisibility = (): void => void run();
  document.addEventListener('visibilitychange', onVisibility);
  void run();
  return () => {
    isOver = true;
    cancelRetry();
    running?.abort();
    document.removeEventListener('visibilitychange', onVisibility);
  };
}

async function readEvents(
  reader: ReadableStreamDefaultReader<string> | undefined,
  onEvent: Following['onEvent'],
): Promise<void> {
  let text = '';
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) return;
    text += value ?? '';
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const [, topic, json] = /^event: (.+)\ndata: (.+)$/.exec(event) ?? [];
      if (topic !== undefined && json !== undefined) onEvent(topic, JSON.parse(json));
    }
  }
}

function pathOf(name: string, question: Question): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(question)) {
    if (value !== undefined && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return `/api/${name}${text === '' ? '' : `?${text}`}`;
}

function fields(): Record<string, string> {
  const key = localStorage.getItem(KEY);
  return key === null ? {} : { [KEY_FIELD]: key };
}

async function post<Outcome>(name: string, body: object): Promise<Outcome> {
  const response = await fetch(`/api/${name}`, {
    method: 'POST',
    headers: { ...fields(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return await read(response);
}

async function read<Answer>(response: Response): Promise<Answer> {
  if (response.ok) return (await response.json()) as Answer;
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  const sentence = `the control plane answered with ${response.status}`;
  const unknown: Refused = { code: 'unknown', message: sentence };
  throw new RefusedError(isJson ? ((await response.json()) as Refused) : unknown);
}
