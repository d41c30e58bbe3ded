import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** A browser session that records every error. */
export interface Visitor {
  readonly page: Page;
  /** Asserts that there was no error since the last call: none in the console, no exception, no violation of the policy. */
  wellBehaved(): void;
  /** The recorded errors, which are then cleared, for tests that expect some. */
  complaints(): string[];
  close(): Promise<void>;
}

/** Opens an isolated browser context, without a cache. */
export async function newVisitor(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ baseURL: origin, ...options });
  context.setDefaultTimeout(90_000); // every wait is for a condition, which may take long on a busy machine
  const page = await context.newPage();
  let complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning")
      complaints.push(`${message.type()}: ${message.text()}`);
  });
  await page.exposeFunction("noteViolation", (what: string) => complaints.push(`policy: ${what}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      void (globalThis as unknown as { noteViolation(what: string): Promise<void> }).noteViolation(
        `${event.violatedDirective} ${event.blockedURI}`,
      );
    });
  });
  const forget = (): string[] => {
    const noted = complaints;
    complaints = [];
    return noted;
  };
  return {
    page,
    complaints: forget,
    wellBehaved: () => assert.deepEqual(forget(), []),
    close: () => context.close(),
  };
}

/** Waits until the page shows a view with this heading. */
export async function shows(page: Page, heading: string | RegExp): Promise<void> {
  await page.getByRole("heading", { level: 1, name: heading }).waitFor({ state: "attached" });
}

/** The text of the open version or file. Its content is rendered when it opens, a moment after the click. */
export async function openedText(page: Page): Promise<string> {
  return (await page.locator("details[open]:has(.inside)").textContent()) ?? "";
}
