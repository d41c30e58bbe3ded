import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Paths of Chromium in distributions. `ARTIFACTS_CHROMIUM` overrides them. */
const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The path of Chromium; undefined if it is not installed: then the browser's tests are skipped, with a message. */
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

/** Chromium takes the last list of the command line alone: Playwright's, and its own pages behind the address bar, which nobody sees. */
const disabledFeatures: readonly string[] = [
  ...["AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"],
  ...["HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning", "AimEnabled"],
  ...["AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "PreconnectToSearch"],
  // Each window had a renderer for them, which cost as much as that of the page.
  ...["WebUIOmniboxPopup", "WebUIOmniboxAimPopup"],
];

/** Starts it headless, with a temporary profile and without background requests. */
export function startChromium(executablePath: string, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox", // Chromium's sandbox does not start for root; the tests open only our own page
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--disable-features=${disabledFeatures.join()}`,
      ...more,
    ],
  });
}
