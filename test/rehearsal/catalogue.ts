import assert from "node:assert/strict";
import axe from "axe-core";
import type { DemoArtifacts } from "../../local/seed/artifacts.ts";
import { startChromium } from "../support/browser/chromium.ts";
import { newVisitor, shows } from "../support/browser/visitor.ts";

/** The emulated load balancer's header for the client's location. New York: its nearest file mirror is the one in AWS. */
const fromNewYork = { "x-rehearsal-client": "40.71,-74.01" };

/**
 * Visits the catalogue of a running rehearsal in a real browser, from a mirror in Google Cloud and from one in AWS. Throws if it does not list
 * exactly the demo projects' promoted artifacts.
 */
export async function visitCatalogue(chromium: string, base: string, artifacts: DemoArtifacts): Promise<void> {
  const browser = await startChromium(chromium);
  try {
    for (const extraHTTPHeaders of [{}, fromNewYork]) {
      const { page, wellBehaved, close } = await newVisitor(browser, base, { extraHTTPHeaders });
      let platforms = 0;
      const index = page.waitForResponse((one) => one.status() === 200 && one.url().endsWith("/catalog/index.json"));
      await page.goto("/");
      for (const { name } of artifacts.projects) await page.getByRole("link", { name, exact: true }).waitFor();
      const from = new URL((await index).url()).pathname;
      assert.match(from, "x-rehearsal-client" in extraHTTPHeaders ? /us-east-1/ : /us-central1/);

      for (const { name, images } of artifacts.projects) {
        for (const image of images) {
          const repository = `${name}/${image.name}`;
          for (const { digest, tags, promoted } of image.releases) {
            await page.getByRole("searchbox", { name: /Search/ }).fill(digest);
            if (!promoted) {
              await page.getByText("Nothing in production matches.").waitFor();
              continue;
            }
            await page.getByRole("link", { name: `${repository}:${tags[0]}`, exact: true }).click();
            await shows(page, repository);
            const version = page.locator("details[open]");
            await version.getByText(digest, { exact: true }).waitFor();
            await version.getByText("with a key").waitFor();
            await version.getByText("present, not verified").first().waitFor();
            await version.getByText("application/spdx+json", { exact: false }).waitFor();
            await page.reload();
            await version
              .getByText(
                `cosign verify --key cosign.pub --insecure-ignore-tlog=true ${new URL(base).host}/${repository}@${digest}`,
              )
              .waitFor();
            // Search for a platform by the digits of its digest that the page shows.
            for (const own of (await version.locator("table code").allTextContents()).slice(-1)) {
              await page.getByRole("searchbox", { name: /Search/ }).fill(own);
              await page.getByRole("link", { name: `${repository}:${tags[0]}`, exact: true }).click();
              await version.locator("tr.asked", { hasText: own }).waitFor();
              platforms++;
            }
          }
        }
      }
      assert.ok(platforms > 0, "the demo has images of several platforms");
      for (const { name, files } of artifacts.projects) {
        for (const { sha256, promoted } of files.slice(0, filesLookedUp)) {
          await page.getByRole("searchbox", { name: /Search/ }).fill(sha256);
          await page
            .getByText(promoted ? name : "Nothing in production matches.")
            .first()
            .waitFor();
        }
      }
      await page.goto("/status");
      await shows(page, "All mirrors answer");
      wellBehaved();
      await close();
    }
    const { page, close } = await newVisitor(browser, base, { bypassCSP: true });
    for (const address of ["/", "/projects/dotslash", "/images/dotslash/dotslash", "/status"]) {
      await page.goto(address);
      await page.locator("header.bar").waitFor();
      await page.locator("main h1").waitFor({ state: "attached" });
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ["violations"] }),
      );
      assert.deepEqual(
        violations.map(({ id }) => id),
        [],
        address,
      );
    }
    await close();
  } finally {
    await browser.close();
  }
}

/** Number of files of a project to search for. */
const filesLookedUp = 3;
