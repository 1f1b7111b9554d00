import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Scope } from '../scope.ts';

/** A page in the machine's Chromium, and what went wrong in it. */
export interface TestPage {
  readonly page: Page;
  /** Errors of scripts, refusals of the content security policy, requests to others. */
  readonly complaints: readonly string[];
}

/** Starts the machine's Chromium, without a window, until the scope ends. */
export async function startBrowser(scope: Scope): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    timeout: 90_000,
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
