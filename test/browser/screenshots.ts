/**
 * `npm run screenshots`: takes the README's pictures of the catalogue, from the running rehearsal (`npm start`) or a given URL, under the host
 * name that clients use.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ControlApi } from "../../local/control-api.ts";
import { readRehearsal, rehearsalFolder } from "../../local/tools/rehearsal-folder.ts";
import { findChromium, startChromium } from "../support/browser/chromium.ts";

const host = "artifacts.example.org";
const folder = join(import.meta.dirname, "screenshots");
/** A version of a demo image that the rehearsal publishes. */
const view = "/images/dotslash/dotslash:0.5.8-1";

const chromium = findChromium();
if (chromium === undefined) fail("needs a Chromium");
const address = new URL(process.argv[2] ?? (await rehearsalAddress()));
const browser = await startChromium(chromium, [`--host-resolver-rules=MAP ${host}:80 ${address.host}`]);
try {
  await mkdir(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1120, height: 725 } });
    await page.goto(`http://${host}${view}`);
    await page.locator("details[open] .commands").waitFor();
    const path = join(folder, `catalogue-${colorScheme}.png`);
    await page.screenshot({ path });
    console.log(path);
  }
} finally {
  await browser.close();
}

async function rehearsalAddress(): Promise<string> {
  const rehearsal = await readRehearsal(rehearsalFolder());
  if (rehearsal === undefined)
    fail("no rehearsal runs: start one with `npm start`, or give the address of a catalogue");
  return new ControlApi(rehearsal.control).site(host);
}

function fail(reason: string): never {
  console.error(`error: ${reason}`);
  process.exit(1);
}
