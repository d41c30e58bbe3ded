/** The catalogue's page in a real browser, on a redirector with one file mirror. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import axe from "axe-core";
import { after, afterEach, before, it } from "mocha";
import type { Browser } from "playwright-core";
import { projectEntry } from "../../components/catalogue/entry.ts";
import { type ImageFacts, readDocument } from "../../components/catalogue/formats.ts";
import { replaceEntry } from "../../components/catalogue/index-document.ts";
import { indexKey, writeDocument } from "../../components/catalogue/layout.ts";
import { describeUnless } from "../support/annotations.ts";
import { findChromium, startChromium } from "../support/browser/chromium.ts";
import { generateCatalogue, putLines } from "../support/browser/full-scale.ts";
import { builtAssets, startSite, type TestSite } from "../support/browser/site.ts";
import { newVisitor, openedText, shows, type Visitor } from "../support/browser/visitor.ts";
import { k8sSize } from "../support/generate-manifests.ts";

const chromium = findChromium();
const small = {
  seed: 7,
  biggest: { images: 8, digests: 400 },
  second: { images: 2, digests: 30 },
  others: { projects: 3, images: 9, digests: 30 },
  files: { releases: 3, each: 10, projects: 2 },
};
const image = "/images/kubernetes/kube-0";

describeUnless(chromium === undefined ? "Chromium is not installed" : undefined, "the catalogue's page", () => {
  let browser: Browser;
  let site: TestSite;
  let visitor: Visitor;

  before(async () => {
    site = await startSite(await builtAssets(), generateCatalogue(small));
    browser = await startChromium(chromium!);
  });
  after(async () => {
    await browser?.close();
    await site?.stop();
  });
  afterEach(async () => {
    visitor.wellBehaved();
    await visitor.close();
  });

  /** A new browser session at a URL. */
  async function visit(address: string, options: Parameters<typeof newVisitor>[2] = {}) {
    visitor = await newVisitor(browser, site.origin, options);
    const response = await visitor.page.goto(address);
    assert.ok(response);
    return { page: visitor.page, response };
  }

  /** Digest and tags of the image's first versions, from the data. */
  function versions() {
    const project = readDocument("project", String(site.objects.get("catalog/projects/kubernetes.json")));
    const details = project?.images.find(({ repository }) => repository === "kubernetes/kube-0")?.details ?? "";
    return readDocument("image", String(site.objects.get(details)))?.versions ?? assert.fail("no versions");
  }

  it("shows every project and requests nothing from other hosts", async () => {
    const asked: string[] = [];
    visitor = await newVisitor(browser, site.origin);
    visitor.page.on("request", (request) => asked.push(request.url()));
    await visitor.page.goto("/");
    await shows(visitor.page, "Container images and files");
    assert.equal(await visitor.page.locator(".projects > li").count(), 7);
    const hosts = new Set(asked.map((url) => new URL(url).hostname));
    assert.deepEqual([...hosts], ["127.0.0.1"]);
    const index = asked.filter((url) => url.endsWith("/catalog/index.json"));
    assert.equal(new Set(index).size, index.length, "the preloaded index is the one that is used");
  });

  it("projects, images and versions are links whose URLs survive a reload", async () => {
    const { page } = await visit("/");
    await page.getByRole("link", { name: "kubernetes", exact: true }).click();
    await shows(page, "kubernetes");
    await page.getByRole("link", { name: "kubernetes/kube-0", exact: true }).click();
    await shows(page, "kubernetes/kube-0");
    const [, second] = versions();
    await page.locator("summary").nth(1).click();
    const address = `${image}:${second!.tags[0]}`;
    await page.waitForURL(`**${address}`);
    await page.reload();
    await shows(page, "kubernetes/kube-0");
    const opened = page.locator("details[open]");
    assert.equal(await opened.count(), 1);
    assert.match(await openedText(page), new RegExp(second!.digest));
    assert.equal(await page.title(), `kubernetes/kube-0:${second!.tags[0]} \u2013 ${new URL(site.origin).host}`);
    await page.goBack();
    await shows(page, "kubernetes");
    await page.goBack();
    await shows(page, "Container images and files");
  });

  it("tells the people of a project where they push, how, and where to read on", async () => {
    const { page } = await visit("/projects/kubernetes");
    const section = page.locator("section", {
      has: page.getByRole("heading", { name: "For the people of this project" }),
    });
    await section.waitFor();
    assert.deepEqual(await section.locator("code").allTextContents(), [
      "gcloud auth configure-docker us-docker.pkg.dev",
      "docker push us-docker.pkg.dev/example-artifacts/staging-kubernetes/IMAGE:TAG",
      "gcloud storage cp FILE gs://example-staging-kubernetes/PATH",
      "npm run promote -- kubernetes IMAGE:TAG",
    ]);
    const targets = await section.locator("a").evaluateAll((links) => links.map((one) => one.getAttribute("href")));
    const source = "https://github.com/example/artifacts";
    assert.deepEqual(targets, [
      `${source}#a-change-from-the-projects-side`,
      `${source}/blob/HEAD/components/manifests/README.md`,
    ]);
    const readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");
    assert.match(readme, /^## A change, from the project's side$/m);
  });

  it("a link by digest stays one by digest", async () => {
    const third = versions()[2]!;
    const { page } = await visit(`${image}@${third.digest}`);
    await page.locator("details[open]").waitFor();
    assert.equal(new URL(page.url()).pathname, `${image}@${third.digest}`);
    assert.match(await openedText(page), new RegExp(third.digest));
  });

  it("reports a version that does not exist, and shows the existing ones", async () => {
    const { page } = await visit(`${image}:v0.0.0-taken-back`);
    await page.getByText("v0.0.0-taken-back is not in production").waitFor();
    assert.equal(await page.locator(".versions details").count(), versions().length);
  });

  it("searches while typing: names, then tags and digests; Enter opens the first hit, back returns", async () => {
    const { page } = await visit("/");
    const [newest] = versions();
    const box = page.getByRole("searchbox", { name: /Search/ });
    await box.pressSequentially("kube-0");
    await page.getByRole("link", { name: "kubernetes/kube-0", exact: true }).waitFor();
    await box.fill(`kube-0:${newest!.tags[0]}`);
    const version = page.getByRole("link", { name: `kubernetes/kube-0:${newest!.tags[0]}`, exact: true });
    await version.waitFor();
    await box.press("Enter");
    await shows(page, "kubernetes/kube-0");
    assert.equal(await box.inputValue(), "");
    await page.goBack();
    await version.waitFor();
    assert.equal(await box.inputValue(), `kube-0:${newest!.tags[0]}`);
  });

  it("searches by digest: whole, its start, in a pull command; a file by its checksum", async () => {
    const wanted = versions()[5]!;
    const { page } = await visit(`/?q=${wanted.digest}`);
    const name = `kubernetes/kube-0:${wanted.tags[0]}`;
    const box = page.getByRole("searchbox", { name: /Search/ });
    const host = new URL(site.origin).host;
    for (const typed of [
      wanted.digest,
      wanted.digest.slice(7, 19),
      `docker pull ${host}/kubernetes/kube-0@${wanted.digest}`,
    ]) {
      await box.fill(typed);
      await page.getByRole("link", { name, exact: true }).waitFor();
      assert.equal(await page.locator(".rows > li").count(), 1, typed);
    }
    const kops = readDocument("project", String(site.objects.get("catalog/projects/kops.json")))!;
    const file = readDocument("release", String(site.objects.get(kops.releases[0]!.details)))!.files[0]!;
    await box.fill(file.sha256);
    await page.getByRole("link", { name: file.path.replace("binaries/", ""), exact: true }).click();
    await shows(page, /^kops/);
    assert.match(await openedText(page), new RegExp(file.sha256));
    await page.reload();
    await page.locator("details[open]").waitFor();
  });

  it("searches by a platform's digest: whole, its start, in a pull command; links to that platform", async () => {
    const wanted = versions().find(({ platforms }) => platforms.length > 2) ?? assert.fail("all have few platforms");
    const { platform, digest } = wanted.platforms[2]!;
    const { page } = await visit("/");
    const box = page.getByRole("searchbox", { name: /Search/ });
    const host = new URL(site.origin).host;
    const row = page.locator(".rows > li", { has: page.getByText(platform!) });
    for (const typed of [
      digest,
      digest.slice(7, 13),
      digest.slice(0, 14),
      `docker pull ${host}/kubernetes/kube-0@${digest}`,
    ]) {
      await box.fill("zzzz");
      await page.getByText("Nothing in production matches.").waitFor();
      await box.fill(typed);
      await row.getByRole("link", { name: `kubernetes/kube-0:${wanted.tags[0]}`, exact: true }).waitFor();
      assert.equal(await page.locator(".rows > li").count(), 1, typed);
      await page.getByRole("status").getByText("Found 1 platform").waitFor({ state: "attached" });
    }
    await box.fill(`kube-1 ${digest}`);
    await page.getByText("Nothing in production matches.").waitFor();
    await box.fill(digest.replace(/.$/, (last) => (last === "0" ? "1" : "0")));
    await page.getByText("Nothing in production matches.").waitFor();
    await box.fill(digest);
    await row.getByRole("link").click();
    await shows(page, "kubernetes/kube-0");
    const address = `${image}@${digest}`;
    assert.equal(new URL(page.url()).pathname, address);
    await page.reload();
    const asked = page.locator("details[open] tr.asked");
    await asked.getByRole("rowheader", { name: platform!, exact: true }).waitFor();
    assert.match(await openedText(page), new RegExp(wanted.digest));
    await page.getByText(`${digest.slice(0, 19)} is ${platform} of this version.`).waitFor();
    assert.equal(new URL(page.url()).pathname, address);
  });

  it("a search reads the names of the parts again if a part was replaced meanwhile", async () => {
    const { page, complaints, close } = await newVisitor(browser, site.origin);
    let asked = 0;
    await page.route("**/catalog/listing.json", async (route) => {
      const part = `catalog/listing/${"0".repeat(64)}.tsv.gz`;
      const old = { schemaVersion: 1, listing: [{ bits: "", part }], platforms: [] };
      await (asked++ === 0 ? route.fulfill({ json: old }) : route.continue());
    });
    const { digest } = versions()[0]!;
    await page.goto(`/?q=${digest}`);
    await page
      .locator(".rows code", { hasText: digest.slice(0, 19) })
      .first()
      .waitFor();
    assert.equal(asked, 2);
    assert.deepEqual(
      complaints().filter((one) => !one.includes("404")),
      [],
    );
    await close();
  });

  it("searches platform digests only for words that look like digests; shows progress and failures", async () => {
    visitor = await newVisitor(browser, site.origin);
    const { page } = visitor;
    const keys = [...site.objects.keys()].filter((key) => key.startsWith("catalog/platforms/"));
    let asked = 0;
    const held = Promise.withResolvers<void>();
    await page.route("**/catalog/platforms/*", async (route) => {
      asked++;
      await held.promise;
      await route.continue();
    });
    await page.goto("/");
    const box = page.getByRole("searchbox", { name: /Search/ });
    for (const typed of ["kube-0", "zzzz", versions()[0]!.digest, "sha256:0", versions()[0]!.digest.slice(7, 17)]) {
      await box.fill(typed);
      await shows(page, `Search: ${typed}`);
      await page.getByText(/^Looking through/).waitFor({ state: "detached" });
    }
    await page.evaluate(() => fetch("/status.json").then((response) => response.text())); // all earlier requests have been recorded by then
    assert.equal(asked, 0);
    await box.fill("sha256:0a1b2c3d4e5f");
    await page.getByText(/^Looking through the digests of platforms/).waitFor();
    assert.equal(await page.getByText("Nothing in production matches.").count(), 0, "not before it is known");
    held.resolve();
    await page.getByText("Nothing in production matches.").waitFor();
    assert.equal(asked, keys.length);

    const before = new Map(keys.map((key) => [key, site.objects.get(key)!]));
    const { digest } = versions().find(({ platforms }) => platforms.length > 1)!.platforms[0]!;
    const failed = "The digests of platforms could not be searched: their list did not load.";
    for (const [contentOf, told] of [
      [() => Buffer.from("no gzip"), failed],
      [() => undefined, failed],
      [(key: string) => before.get(key), "Platforms of versions"],
    ] as const) {
      for (const key of keys) {
        const content = contentOf(key);
        if (content === undefined) site.objects.delete(key);
        else site.objects.set(key, content);
      }
      const other = await newVisitor(browser, site.origin);
      await other.page.goto(`/?q=${digest}`);
      await other.page.getByText(told).waitFor();
      assert.deepEqual(
        other.complaints().filter((one) => !one.includes("404")),
        [],
      );
      await other.close();
    }
  });

  it("a large project's releases are put together from their parts; what is being replaced is read again", async () => {
    const before = new Map(site.objects);
    const put = (count: number) => {
      const files = Array.from({ length: count }, (_, at) => ({
        path: `v1.${at}.0/tool-${at}`,
        sha256: at.toString(16).padStart(64, "0"),
        bytes: 7,
      }));
      const about = {
        description: "Large",
        imagePrefix: "large",
        filePrefix: "large",
        images: new Map(),
        facts: new Map(),
      };
      const entry = projectEntry({ name: "large", ...about, files });
      for (const [key, text] of entry.documents) site.objects.set(key, Buffer.from(text));
      const document = readDocument("project", entry.documents.get("catalog/projects/large.json")!)!;
      return document.moreReleases ?? [];
    };
    const parts = put(1_500);
    assert.ok(parts.length > 3);
    const { page } = await visit("/projects/large");
    const rows = page.locator("section", { has: page.getByRole("heading", { name: "Files" }) }).locator("li");
    await page.getByRole("button", { name: /^Show .* more$/ }).click();
    await rows.nth(1_499).waitFor();
    assert.equal(await rows.count(), 1_500);
    assert.deepEqual(
      [await rows.first().locator("a").textContent(), await rows.last().locator("a").textContent()],
      ["v1.1499.0", "v1.0.0"],
    );
    await page.goto("/projects/large/files/v1.3.0");
    await page.getByText("tool-3", { exact: true }).waitFor();

    for (const key of parts) site.objects.delete(key);
    const again = await newVisitor(browser, site.origin);
    await again.page.goto("/projects/large");
    await again.page.getByText("The catalogue is being updated at this moment").waitFor();
    put(1_500);
    await again.page.getByRole("button", { name: "Try again" }).click();
    await again.page.locator("section li", { hasText: "v1.1499.0" }).waitFor();
    assert.deepEqual(
      again.complaints().filter((one) => !one.includes("404")),
      [],
    );
    await again.close();
    site.objects.clear();
    for (const [key, value] of before) site.objects.set(key, value);
  });

  it("shows the first hits at once and the rest on request, also by keyboard", async () => {
    const { page } = await visit("/?q=v1");
    const rows = page.locator("section", { has: page.getByRole("heading", { name: "Versions" }) }).locator("li");
    await rows.first().waitFor();
    assert.equal(await rows.count(), 20);
    const more = page.getByRole("button", { name: /^Show \d+ more$/ }).first();
    const rest = Number(/\d+/.exec((await more.textContent()) ?? "")?.[0]);
    await more.press("Enter");
    assert.equal(await rows.count(), 20 + rest);
    const focused = await page.evaluate(() => document.activeElement?.getAttribute("href"));
    assert.equal(focused, await rows.nth(20).locator("a").getAttribute("href"));
  });

  for (const key of ["Enter", "ArrowDown"]) {
    it(`${key} opens the first hit for the typed text, however fast it was typed`, async () => {
      const { page } = await visit("/?q=kube-0");
      await page.getByRole("link", { name: "kubernetes/kube-0", exact: true }).waitFor();
      await page.evaluate((pressed) => {
        const box = document.querySelector<HTMLInputElement>("#search")!;
        box.focus();
        box.value = "kube-1";
        box.dispatchEvent(new Event("input", { bubbles: true }));
        if (pressed === "Enter") box.form!.requestSubmit();
        else box.dispatchEvent(new KeyboardEvent("keydown", { key: pressed, bubbles: true, cancelable: true }));
      }, key);
      if (key === "Enter") await shows(page, "kubernetes/kube-1");
      else await page.locator("a:focus", { hasText: /^kubernetes\/kube-1$/ }).waitFor();
    });
  }

  it("announces an empty result to screen readers", async () => {
    const { page } = await visit("/");
    await page.getByRole("searchbox", { name: /Search/ }).fill("no such thing");
    await page.getByText("Nothing in production matches.").waitFor();
    await page.getByRole("status").getByText("Nothing found").waitFor({ state: "attached" });
  });

  it("copy: the digest, a command", async () => {
    const [newest] = versions();
    const { page } = await visit(`${image}:${newest!.tags[0]}`, { permissions: ["clipboard-read", "clipboard-write"] });
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole("button", { name: "Copy the digest", exact: true }).click();
    await page.getByRole("status").getByText("Copied the digest").waitFor({ state: "attached" });
    assert.equal(await copied(), newest!.digest);
    await page.getByRole("button", { name: "Copy the command: Docker, by digest" }).click();
    await page.getByRole("status").getByText("Copied the command").waitFor({ state: "attached" });
    assert.equal(await copied(), `docker pull ${new URL(site.origin).host}/kubernetes/kube-0@${newest!.digest}`);
  });

  it("the keyboard alone: slash, type, down, Enter, open a version, Escape", async () => {
    const { page } = await visit("/");
    await shows(page, "Container images and files");
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the content");
    await page.keyboard.press("/");
    await page.keyboard.type("kube-1");
    await page.getByRole("link", { name: "kubernetes/kube-1", exact: true }).waitFor();
    await shows(page, "Search: kube-1");
    await page.keyboard.press("ArrowDown");
    await page.locator("main a:focus").waitFor();
    const first = await focused();
    await page.keyboard.press("ArrowDown");
    assert.notEqual(await focused(), first);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await shows(page, first);
    await page.keyboard.press("/");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Copy the digest", exact: true }).waitFor();
    await page.keyboard.press("Tab");
    assert.match(await focused(), /Copy the digest/);
    await page.keyboard.press("/");
    await page.keyboard.type("x");
    await page.keyboard.press("Escape");
    await shows(page, "Container images and files");
  });

  it("filters versions and shows the rest of a long list on request", async () => {
    const { page } = await visit(image);
    const wanted = versions()[7]!;
    const box = page.getByRole("searchbox", { name: "Filter versions by tag or digest" });
    await box.fill(wanted.digest.slice(7, 30));
    assert.equal(await page.locator(".versions details").count(), 1);
    const ofPlatform = versions().find(({ platforms }) => platforms.length > 1) ?? assert.fail("all have one platform");
    await box.fill(ofPlatform.platforms[1]!.digest);
    assert.equal(await page.locator(".versions details").count(), 1);
    assert.match((await page.locator("summary .name").textContent()) ?? "", new RegExp(ofPlatform.tags[0]!));
    await box.fill("nothing has this");
    await page.getByText("No tag or digest matches").waitFor();
    await box.fill("");
    assert.equal(await page.locator(".versions details").count(), versions().length);
  });

  it("not found: the status code for machines, a page with suggestions for people", async () => {
    for (const [address, heading] of [
      ["/nothing/here", /Not found/],
      ["/v2/kubernetes/nonsense", /This registry serves/],
    ] as const) {
      const { page, response } = await visit(address);
      assert.equal(response.status(), 404);
      await shows(page, heading);
      assert.deepEqual(
        visitor.complaints().filter((one) => !one.includes("404")),
        [],
      );
      await visitor.close();
    }
    const { page } = await visit("/kubernetes/kube-0:v1");
    await page.getByRole("link", { name: "kubernetes/kube-0", exact: true }).click();
    await shows(page, "kubernetes/kube-0");
    assert.deepEqual(
      visitor.complaints().filter((one) => !one.includes("404")),
      [],
    );
  });

  it('shows "Not in production" for an image that does not exist', async () => {
    const { page } = await visit("/images/kubernetes/kube");
    await shows(page, "Not in production");
    await page.getByRole("link", { name: "kubernetes/kube-0", exact: true }).waitFor();
  });

  it("shows the status of the mirrors", async () => {
    const { page } = await visit("/status");
    await shows(page, "All mirrors answer");
    site.setHealth("files-aws", false);
    await page.reload();
    await shows(page, "1 mirror of 4 does not answer");
    await page.getByRole("row", { name: /us-east-1.*does not answer/ }).waitFor();
    await page.getByRole("img", { name: /^Map of \d regions with mirrors; in 1 a mirror does not answer/ }).waitFor();
    assert.match((await page.locator(".map .down title").textContent()) ?? "", /^AWS us-east-1: files does not answer/);
    assert.equal(await page.locator(".map .you").count(), 1);
    site.setHealth("files-aws", true);
  });

  it("shows what was promoted lately below the mirrors, and the status without it", async () => {
    const counts = { added: 7, changed: 0, removed: 1 };
    const added = ["kubernetes/kube-0:v9", "<b>x</b>", "c", "d", "e", "f", "g"];
    const promotion = {
      time: "2026-11-29T10:05:00.000Z",
      project: "kubernetes",
      added,
      changed: [],
      removed: [],
      counts,
    };
    site.objects.set("catalog/recent.json", Buffer.from(JSON.stringify({ schemaVersion: 1, promotions: [promotion] })));
    const { page } = await visit("/status");
    const item = page.locator(".recent li");
    await item.waitFor();
    assert.equal(
      await item.textContent(),
      "2026-11-29 10:05 UTC kubernetesadded: kubernetes/kube-0:v9, <b>x</b>, c, d, e, 2 moreremoved: 1 more",
    );
    assert.equal(
      await page.getByRole("link", { name: "As an Atom feed" }).getAttribute("href"),
      "/catalog/recent.atom",
    );
    site.objects.delete("catalog/recent.json");
    await visitor.close();
    const { page: without } = await visit("/status");
    await shows(without, "All mirrors answer");
    assert.equal(await without.locator(".recent").count(), 0);
    assert.equal(visitor.complaints().length, 1, "the document that is missing");
    for (const [key, value] of generateCatalogue(small)) site.objects.set(key, value);
  });

  it("reports a failing mirror; a retry succeeds", async () => {
    site.failing = true;
    const { page } = await visit("/");
    await shows(page, "This did not load");
    site.failing = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await shows(page, "Container images and files");
    assert.deepEqual(
      visitor.complaints().filter((one) => !one.includes("503")),
      [],
    );
  });

  it("reads documents again that were replaced meanwhile", async () => {
    const { page } = await visit("/projects/kubernetes");
    await shows(page, "kubernetes");
    // The browser caches the project's document for a minute. The documents that it refers to do not exist any more.
    const before = new Map(site.objects);
    site.objects.clear();
    for (const [key, value] of generateCatalogue({ ...small, seed: 8 })) site.objects.set(key, value);
    const after = versions();
    await page.getByRole("link", { name: "kubernetes/kube-0", exact: true }).click();
    await shows(page, "kubernetes/kube-0");
    await page.locator("summary").first().click();
    assert.match(await openedText(page), new RegExp(after[0]!.digest));
    site.objects.clear();
    for (const [key, value] of before) site.objects.set(key, value);
    assert.deepEqual(
      visitor.complaints().filter((one) => !one.includes("404")),
      [],
    );
  });

  it("shows a loading state only if loading is slow", async () => {
    visitor = await newVisitor(browser, site.origin);
    const { page } = visitor;
    const held = Promise.withResolvers<void>();
    await page.route("**/catalog/index.json", async (route) => {
      await held.promise;
      await route.continue();
    });
    await page.goto("/");
    const loading = page.getByText("Loading\u2026");
    await loading.waitFor();
    held.resolve();
    await shows(page, "Container images and files");
    assert.equal(await loading.count(), 0);
  });

  it("reports a lost connection and damaged documents; a retry succeeds", async () => {
    const { page } = await visit("/");
    await shows(page, "Container images and files");
    const context = page.context();
    await context.setOffline(true);
    await page.getByRole("link", { name: "kubernetes", exact: true }).click();
    await page.getByRole("alert").getByText("You are offline.").waitFor();
    await context.setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await shows(page, "kubernetes");

    const before = site.objects.get(indexKey)!;
    site.objects.set(indexKey, Buffer.from("<html>"));
    const other = await newVisitor(browser, site.origin);
    await other.page.goto("/");
    await other.page
      .getByRole("alert")
      .getByText(/^catalog\/index\.json from 127\.0\.0\.1:\d+ is damaged\.$/)
      .waitFor();
    site.objects.set(indexKey, before);
    await other.page.getByRole("button", { name: "Try again" }).click();
    await shows(other.page, "Container images and files");
    other.wellBehaved();
    await other.close();
    assert.deepEqual(
      visitor.complaints().filter((one) => !one.includes("ERR_INTERNET_DISCONNECTED")),
      [],
    );
  });

  it("shows texts from projects and registries as text: no markup, no script, no dangerous link", async () => {
    const markup = (where: string) => `<img src=x onerror="alert('${where}')"><b>${where}</b>&amp;\u202e"'`;
    const sha256 = createHash("sha256").update("content").digest("hex");
    const path = `v1/$(touch hacked) 'a+b' "<i>&%41.txt`;
    const digest = `sha256:${"a".repeat(64)}`;
    const facts: ImageFacts = {
      digest,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: markup("artifact type"),
      platforms: [
        { platform: markup("platform"), digest, bytes: 1 },
        { platform: "linux/amd64", digest: `sha256:${"b".repeat(64)}`, bytes: 2 },
      ],
      signatures: [
        { format: "cosign", attached: "tag", logged: true, identity: markup("identity"), issuer: markup("issuer") },
      ],
      attestations: [{ attached: "tag", predicateType: markup("predicate") }],
      sboms: [{ attached: "index", format: markup("sbom") }],
      verification: {
        policy: "javascript:alert(1)",
        policySha256: "0".repeat(64),
        isSatisfied: true,
        signers: [markup("signer")],
      },
    };
    const entry = projectEntry({
      name: "odd",
      description: markup("description"),
      contact: "javascript:alert(1)",
      imagePrefix: "odd",
      filePrefix: "odd",
      images: new Map([["tool", new Map([[digest, ["v1", "<script>alert(1)</script>"]]])]]),
      facts: new Map([[digest, facts]]),
      files: [{ path, sha256, bytes: 7 }],
      withdrawn: [{ name: `odd/tool@${digest}`, reason: markup("reason") }],
      staging: { images: markup("registry"), files: "bucket; touch /tmp/x", source: "javascript:alert(1)" },
    });
    const before = new Map(site.objects);
    for (const [key, text] of entry.documents) site.objects.set(key, Buffer.from(text));
    const index = replaceEntry(readDocument("index", String(before.get(indexKey)))!, "odd", entry.index);
    site.objects.set(indexKey, Buffer.from(writeDocument(index)));
    putLines(site.objects, { listing: new Map([["odd", entry.lines]]), platforms: new Map() });
    site.objects.set(`binaries/odd/${path}`, Buffer.from("content"));

    const { page } = await visit("/?q=odd", { permissions: ["clipboard-read", "clipboard-write"] });
    const unharmed = async (): Promise<void> => {
      assert.equal(await page.locator("main :is(img, b, i, script, iframe)").count(), 0);
      assert.equal(await page.locator("main a:not([href^='/'])").count(), 0);
    };
    await page.getByText(markup("description")).waitFor();
    await unharmed();
    await page.goto("/projects/odd");
    await page.getByText(markup("description")).waitFor();
    await page.getByRole("heading", { name: "Withdrawn" }).waitFor();
    await page
      .locator(".rows > li", { hasText: `odd/tool@${digest}` })
      .getByText(markup("reason"))
      .waitFor();
    assert.deepEqual((await page.locator("section .commands code").allTextContents()).slice(0, 2), [
      `docker push '${markup("registry").replaceAll("'", "'\\''")}/IMAGE:TAG'`,
      "gcloud storage cp FILE 'gs://bucket; touch /tmp/x/PATH'",
    ]);
    await unharmed();
    await page.goto("/images/odd/tool:v1");
    const opened = page.locator("details[open]");
    for (const where of ["artifact type", "predicate", "sbom"]) await opened.getByText(markup(where)).first().waitFor();
    await opened.getByText(`says: by ${markup("identity")}`).waitFor();
    await opened.getByText("present, not verified").first().waitFor();
    await opened.getByText(`signed by ${markup("signer")}`).waitFor();
    await opened.getByText("<script>alert(1)</script>").waitFor();
    await opened.getByRole("rowheader", { name: "platform" }).waitFor();
    await unharmed();

    // Find it by name, show it, and download it with the copied command, which must do nothing else.
    await page.getByRole("searchbox", { name: /Search/ }).fill("touch");
    await page.locator(".rows a").click();
    await page.getByText(sha256, { exact: true }).waitFor();
    await unharmed();
    await page.getByRole("button", { name: /^Copy the command/ }).click();
    await page.getByRole("status").getByText("Copied the command").waitFor({ state: "attached" });
    const line = await page.evaluate(() => navigator.clipboard.readText());
    const folder = await mkdtemp(join(tmpdir(), "download-"));
    const ran = await promisify(execFile)("sh", ["-c", line], { cwd: folder });
    assert.match(ran.stdout, /: OK\n$/);
    assert.deepEqual(await readdir(folder), [path.slice("v1/".length)]);
    await rm(folder, { recursive: true });
    site.objects.clear();
    for (const [key, value] of before) site.objects.set(key, value);
  });

  it("shows a sentence if nothing is published", async () => {
    const before = site.objects.get(indexKey)!;
    site.objects.delete(indexKey);
    const { page } = await visit("/");
    await shows(page, "Nothing is published yet");
    site.objects.set(indexKey, before);
    assert.deepEqual(
      visitor.complaints().filter((one) => !one.includes("404")),
      [],
    );
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`axe finds no violations, and nothing overflows: ${colorScheme}`, async () => {
      const [newest] = versions();
      const { digest } = versions().find(({ platforms }) => platforms.length > 1)!.platforms[0]!;
      // The page's policy would block axe, too.
      visitor = await newVisitor(browser, site.origin, { colorScheme, bypassCSP: true });
      const { page } = visitor;
      for (const [address, there] of [
        ["/", ".projects > li"],
        ["/?q=kube", ".rows mark"],
        ["/?q=v1.", ".hits code"],
        ["/?q=zzzz", "main .nothing"],
        [`/?q=${digest}`, ".hits code"],
        [`${image}@${digest}`, "details[open] tr.asked"],
        ["/projects/kubernetes", ".rows > li"],
        ["/projects/kops/files/1.20.2", ".files > details"],
        [`${image}:${newest!.tags[0]}`, "details[open] .commands"],
        [`${image}:gone`, ".warning"],
        ["/status", ".health.down"],
        ["/images/nothing", "main .lead"],
      ] as const) {
        site.setHealth("files-aws", address !== "/status");
        await page.goto(address);
        await page.locator(there).first().waitFor();
        if (address.includes("/files/")) await page.locator("summary").first().click();
        await page.evaluate(axe.source);
        for (const width of [1280, 820, 320]) {
          await page.setViewportSize({ width, height: 800 });
          assert.deepEqual(await page.evaluate(tooWide), [], `${address}, ${width} wide`);
          if (width === 820) continue;
          const { violations } = await page.evaluate(() =>
            (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ["violations"] }),
          );
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
          assert.deepEqual(found, [], `${address}, ${width} wide`);
        }
      }
      site.setHealth("files-aws", true);
    });
  }

  it("a long name has room beside a whole digest, at every width", async () => {
    const { digest, tags } = versions()[0]!;
    const { page } = await visit(`/?q=${digest}`);
    const name = page.getByRole("link", { name: `kubernetes/kube-0:${tags[0]}`, exact: true });
    for (const width of [1280, 820, 769, 375]) {
      await page.setViewportSize({ width, height: 800 });
      const lines = await name.evaluate((link) =>
        Math.round(link.getBoundingClientRect().height / Number.parseFloat(getComputedStyle(link).lineHeight)),
      );
      assert.equal(lines, 1, `${width} wide: ${lines} lines`);
      const edge = await page.locator("footer").evaluate((footer) => footer.getBoundingClientRect().left);
      assert.ok(edge >= 16, `${width} wide: the footer begins at ${edge}`);
    }
  });

  it("prints content without controls", async () => {
    const { digest, tags } = versions()[0]!;
    const { page } = await visit(`${image}:${tags[0]}`, { colorScheme: "dark" });
    await page.locator("details[open] .commands").waitFor();
    await page.emulateMedia({ media: "print" });
    for (const hidden of [page.getByRole("searchbox"), page.getByRole("button"), page.getByRole("contentinfo")])
      assert.equal(await hidden.filter({ visible: true }).count(), 0);
    assert.ok(await page.getByText(digest, { exact: true }).isVisible());
    assert.ok(
      await page
        .getByText(/^docker pull/)
        .first()
        .isVisible(),
    );
    const ink = await page.evaluate(() => getComputedStyle(document.documentElement).color);
    assert.equal(ink, "rgb(28, 34, 36)", "dark ink, also for who reads light on dark");
  });

  it("at the size of k8s.io: 108 projects, 12,400 digests, found by digest", async () => {
    const full = generateCatalogue(k8sSize);
    const big = await startSite(await builtAssets(), full);
    visitor = await newVisitor(browser, big.origin);
    const { page } = visitor;
    try {
      await page.goto("/");
      await page.getByText("108 projects, 703 images, 12,400 versions, 5,138 files").waitFor();
      assert.equal(await page.locator(".projects > li").count(), 100);
      await page.getByRole("button", { name: "Show 8 more" }).click();
      assert.equal(await page.locator(".projects > li").count(), 108);
      const project = readDocument("project", String(full.get("catalog/projects/kubernetes.json")))!;
      const last = project.images.at(-1)!;
      const details = readDocument("image", String(full.get(last.details)))!;
      const wanted = details.versions.at(-1)!;
      await page.getByRole("searchbox", { name: /Search/ }).fill(wanted.digest.slice(7, 23));
      await page.getByRole("link", { name: `${last.repository}:${wanted.tags[0]}`, exact: true }).click();
      await shows(page, last.repository);
      assert.match(await openedText(page), new RegExp(wanted.digest));
      assert.equal(await page.locator(".versions details").count(), 100);
      const several = details.versions.find(({ platforms }) => platforms.length > 1) ?? assert.fail("no platforms");
      const { digest } = several.platforms.at(-1)!;
      await page.getByRole("searchbox", { name: /Search/ }).fill(digest.slice(7, 19));
      await page.getByRole("link", { name: `${last.repository}:${several.tags[0]}`, exact: true }).click();
      await page.locator("details[open] tr.asked").waitFor();
      assert.equal(new URL(page.url()).pathname, `/images/${last.repository}@${digest}`);
    } finally {
      await big.stop();
    }
  });
});

/** Elements that overflow their container: they would be cut off or need scrolling. Runs in the browser. */
function tooWide(): string[] {
  const { scrollWidth, clientWidth } = document.documentElement;
  // An input scrolls its own text.
  const seen = [...document.querySelectorAll<HTMLElement>("body *:not(input, .unseen, .unseen *, .skip)")];
  const wider = seen.filter(
    (one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline",
  );
  return [...(scrollWidth > clientWidth ? ["the page"] : []), ...wider.map((one) => one.outerHTML.slice(0, 200))];
}
