import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** Somebody with a browser, who notes whatever goes wrong. */
export interface Visitor {
  readonly page: Page;
  /** Asserts that nothing went wrong since the last call: no error in the console, no exception, no breach of the policy. */
  wellBehaved(): void;
  /** As much of it as one expects to have gone wrong; forgotten then. */
  complaints(): string[];
  close(): Promise<void>;
}

/** Opens a browser's window of its own: nothing is shared with others, nothing is cached. */
export async function newVisitor(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ baseURL: origin, ...options });
  context.setDefaultTimeout(90_000); // all waits are for something: a busy machine may need long for it
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

/** The text of the version or file that is open. Its inside is made when it opens, a moment after the click. */
export async function openedText(page: Page): Promise<string> {
  return (await page.locator("details[open]:has(.inside)").textContent()) ?? "";
}
