import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Scope } from '../scope.ts';

/** A page in the machine's Chromium, and what went wrong in it. */
export interface TestPage {
  readonly page: Page;
  /** Errors of scripts, refusals of the content security policy, requests to others. */
  readonly complaints: readonly string[];
}

/** A machine that starts a mesh beside it takes its time. */
const START_MS = 90_000;

/**
 * Starts the machine's Chromium, without a window, until the scope ends.
 *
 * @param options.through a command that runs the command after it, as in a network namespace
 */
export async function startBrowser(
  scope: Scope,
  { through = [] }: { readonly through?: readonly string[] } = {},
): Promise<Browser> {
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-browser-'));
  scope.teardown(() => rm(directory, { recursive: true, force: true }));
  const program = join(directory, 'chromium');
  const words = [...through, chromiumPath()].map((word) => `'${word}'`).join(' ');
  await writeFile(program, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o700 });
  const browser = await chromium.launch({
    executablePath: program,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    timeout: START_MS,
  });
  scope.teardown(() => browser.close());
  return browser;
}

/** A machine that runs other tests besides takes its time. */
const PATIENCE_MS = 60_000;

/** Opens a page as a browser of its own would, with no cookie and nothing stored. */
export async function openPage(scope: Scope, browser: Browser): Promise<TestPage> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 860 } });
  scope.teardown(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const { hostname } = new URL(request.url());
    if (hostname !== '127.0.0.1') complaints.push(`request: ${request.url()}`);
  });
  return { page, complaints };
}

/** Playwright wants a path. */
function chromiumPath(): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find((file) => existsSync(file));
  if (found === undefined) throw new Error('expected chromium on the path, found none');
  return found;
}
