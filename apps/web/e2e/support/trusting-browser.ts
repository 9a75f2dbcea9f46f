// Owns a Chromium that trusts a CA as a phone does after its installation, and finds test names on this computer. Its home, and the CA with it, go with it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import type { BrowserContext, LaunchOptions, Page } from '@playwright/test';

export interface TrustingBrowser extends AsyncDisposable {
  readonly page: Page;
  /** What the pages' content security policy has refused, and what failed in them. */
  readonly trouble: readonly string[];
}

/** Where Chromium looks for the user's own certificates, now and in older versions. */
const CERTIFICATE_FOLDERS = [
  ['.pki', 'nssdb'],
  ['.local', 'share', 'pki', 'nssdb'],
] as const;

export async function openTrustingBrowser(options: {
  launch: LaunchOptions;
  context: Parameters<Awaited<ReturnType<typeof chromium.launch>>['newContext']>[0];
  /** PEM file of a CA; none is trusted without. */
  caFile?: string;
  name: string;
}): Promise<TrustingBrowser> {
  const home = mkdtempSync(join(tmpdir(), 'cotg-home-'));
  if (options.caFile !== undefined) {
    for (const parts of CERTIFICATE_FOLDERS) {
      const folder = join(home, ...parts);
      mkdirSync(folder, { recursive: true });
      execFileSync('certutil', ['-d', `sql:${folder}`, '-N', '--empty-password']);
      execFileSync('certutil', ['-d', `sql:${folder}`, '-A', '-t', 'C,,', '-n', 'cotg test CA', '-i', options.caFile]);
    }
  }
  const browser = await chromium.launch({
    ...options.launch,
    args: [...(options.launch.args ?? []), `--host-resolver-rules=MAP ${options.name} 127.0.0.1`],
    env: { ...process.env, HOME: home, XDG_DATA_HOME: join(home, '.local', 'share') },
  });
  const context: BrowserContext = await browser.newContext(options.context);
  const trouble: string[] = [];
  await context.exposeFunction('cotgViolation', (text: string) => void trouble.push(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      (window as unknown as { cotgViolation(text: string): void }).cotgViolation(`${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) trouble.push(message.text());
  });
  return {
    page,
    trouble,
    async [Symbol.asyncDispose]() {
      await browser.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
