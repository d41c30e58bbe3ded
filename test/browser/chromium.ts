import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where distributions put Chromium. `ARTIFACTS_CHROMIUM` names another one. */
const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The path of a Chromium, or undefined: then the browser's tests are skipped, loudly. */
export function findChromium(): string | undefined {
  const named = process.env["ARTIFACTS_CHROMIUM"];
  return named ?? usual.find((path) => existsSync(path));
}

/** Starts it without a window, with a profile of its own that is gone afterwards, and without anything that it does on its own account. */
export function startChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox", // Chromium's sandbox does not start for root; what is opened is our own page
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
