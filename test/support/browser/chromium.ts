import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where distributions put Chromium. `ARTIFACTS_CHROMIUM` names another one. */
const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The path of a Chromium, or undefined: then the browser's tests are skipped, which this says loudly. */
export function findChromium(): string | undefined {
  const named = process.env["ARTIFACTS_CHROMIUM"];
  const found = named ?? usual.find((path) => existsSync(path));
  if (found === undefined) {
    console.warn(
      "SKIPPED: the catalogue's page in a browser, as there is no Chromium: apt-get install chromium, or set ARTIFACTS_CHROMIUM",
    );
  }
  return found;
}

/** Starts it without a window, with a profile of its own that is gone afterwards, and without anything that it does of its own accord. */
export function startChromium(executablePath: string, more: readonly string[] = []): Promise<Browser> {
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
      ...more,
    ],
  });
}
