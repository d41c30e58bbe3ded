/**
 * `npm run bench -- catalogue [--rounds N]`: the catalogue's page at the size of k8s.io (108 projects, 12,400 digests, 5,138 files), in the Chromium
 * of this machine: until the first list is painted, each key of a search until what it finds is painted, and what is sent before any
 * data. Goals: 500 ms, 50 ms, 100 kB.
 */
import { parseArgs } from "node:util";
import type { Browser } from "playwright-core";
import { findChromium, startChromium } from "../support/browser/chromium.ts";
import { generateCatalogue } from "../support/browser/full-scale.ts";
import { builtAssets, startSite } from "../support/browser/site.ts";
import { newVisitor } from "../support/browser/visitor.ts";
import { k8sSize } from "../support/generate-manifests.ts";
import { median } from "./median.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" } } });
/** Typed key by key: a name, a tag, a digest's beginning (which few have, then no version and no platform), what nobody has. */
const searches = ["kube-0", "v1.10", "controller v1.2", "sha256:4a5f0000", "zzzz"];

const chromium = findChromium();
if (chromium === undefined) process.exit(1);
const assets = await builtAssets();
const objects = generateCatalogue(k8sSize);
const site = await startSite(assets, objects);
const browser = await startChromium(chromium);
try {
  const sent = Object.values(assets).reduce((sum, { gzip }) => sum + gzip.length, 0);
  figure("catalogue.before-data", sent / 1000, "kB");
  figure("catalogue.index", objects.get("catalog/index.json")!.length / 1000, "kB");
  for (const kind of ["listing", "platforms"]) {
    const parts = [...objects].filter(([key]) => key.startsWith(`catalog/${kind}/`));
    figure(`catalogue.${kind}`, parts.reduce((sum, [, { length }]) => sum + length, 0) / 1000, "kB");
    figure(`catalogue.${kind}.parts`, parts.length, "requests");
  }
  const firsts: { navigation: number; load: number }[] = [];
  for (let round = 0; round < Number(values.rounds); round++) firsts.push(await firstList(browser));
  figure("catalogue.first-list.since-navigation", median(firsts.map(({ navigation }) => navigation)), "ms");
  figure("catalogue.first-list.after-load", median(firsts.map(({ load }) => load)), "ms");
  const keys = await typing(browser);
  figure("catalogue.key.median", median(keys), "ms");
  figure("catalogue.key.worst", Math.max(...keys), "ms");
} finally {
  await browser.close();
  await site.stop();
}

/** Milliseconds until the first row is painted, with an empty cache: since the navigation, and since the document was loaded. */
async function firstList(browser: Browser): Promise<{ navigation: number; load: number }> {
  const { page, close } = await newVisitor(browser, site.origin);
  await page.addInitScript(() => {
    const waiting = new MutationObserver(() => {
      if (document.querySelector(".projects > li") === null) return;
      waiting.disconnect();
      requestAnimationFrame(() => setTimeout(() => performance.mark("list")));
    });
    waiting.observe(document, { childList: true, subtree: true });
  });
  await page.goto("/");
  await page.waitForFunction(() => performance.getEntriesByName("list").length > 0);
  const measured = await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    const painted = performance.getEntriesByName("list")[0]!.startTime;
    return { navigation: painted, load: Math.max(0, painted - navigation!.loadEventEnd) };
  });
  await close();
  return measured;
}

/** Milliseconds of each key, from its event until the frame after it is painted, once the listing is there. */
async function typing(browser: Browser): Promise<number[]> {
  const { page, close } = await newVisitor(browser, site.origin);
  await page.goto("/?q=kube-0:v1.1");
  await page.locator(".rows code").first().waitFor();
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(globalThis, { times });
    document.addEventListener(
      "keydown",
      () => {
        const began = performance.now();
        requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - began)));
      },
      true,
    );
  });
  let expected = 0;
  for (const text of searches) {
    await page.locator("#search").fill("");
    for (const key of text) {
      await page.keyboard.press(key === " " ? "Space" : key);
      expected++;
      await page.waitForFunction(
        (count) => (globalThis as unknown as { times: number[] }).times.length >= count,
        expected,
      );
    }
  }
  const times = await page.evaluate(() => (globalThis as unknown as { times: number[] }).times);
  await close();
  return times;
}

function figure(name: string, value: number, unit: string): void {
  console.log(`figure: ${name} = ${value.toFixed(1)} ${unit}`);
}
