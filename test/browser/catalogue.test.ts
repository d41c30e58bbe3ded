/** The catalogue's page in a real browser, on a redirector with one file mirror. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import axe from "axe-core";
import type { Browser } from "playwright-core";
import { catalogueEntry } from "../../components/catalogue/entry.ts";
import { readDocument } from "../../components/catalogue/formats.ts";
import { replaceEntry } from "../../components/catalogue/index-document.ts";
import { indexKey, writeDocument } from "../../components/catalogue/layout.ts";
import { k8sSize } from "../bench/generate-manifests.ts";
import { findChromium, startChromium } from "./chromium.ts";
import { generateCatalogue } from "./full-scale.ts";
import { builtAssets, startSite, type TestSite } from "./site.ts";
import { newVisitor, openedText, shows, type Visitor } from "./visitor.ts";

const chromium = findChromium();
const small = {
  seed: 7,
  biggest: { images: 8, digests: 400 },
  second: { images: 2, digests: 30 },
  others: { projects: 3, images: 9, digests: 30 },
  files: { releases: 3, each: 10, projects: 2 },
};
const image = "/images/kubernetes/kube-0";

describe("the catalogue's page", { skip: chromium === undefined }, () => {
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

  /** A new visitor at an address. */
  async function visit(address: string, options: Parameters<typeof newVisitor>[2] = {}) {
    visitor = await newVisitor(browser, site.origin, options);
    const response = await visitor.page.goto(address);
    assert.ok(response);
    return { page: visitor.page, response };
  }

  /** Of the first versions of the image: digest and tags, as the data has them. */
  function versions() {
    const project = readDocument("project", String(site.objects.get("catalog/projects/kubernetes.json")));
    const details = project?.images.find(({ repository }) => repository === "kubernetes/kube-0")?.details ?? "";
    return readDocument("image", String(site.objects.get(details)))?.versions ?? assert.fail("no versions");
  }

  test("shows every project, with nothing from another host", async () => {
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

  test("a project, an image, a version: each is a link, and each address survives a reload", async () => {
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

  test("a link by digest stays one by digest", async () => {
    const third = versions()[2]!;
    const { page } = await visit(`${image}@${third.digest}`);
    await page.locator("details[open]").waitFor();
    assert.equal(new URL(page.url()).pathname, `${image}@${third.digest}`);
    assert.match(await openedText(page), new RegExp(third.digest));
  });

  test("a version that is not there is told, beside those that are", async () => {
    const { page } = await visit(`${image}:v0.0.0-taken-back`);
    await page.getByText("v0.0.0-taken-back is not in production").waitFor();
    assert.equal(await page.locator(".versions details").count(), versions().length);
  });

  test("search as one types: names, then tags and digests; Enter opens the first, back comes back", async () => {
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

  test("search by digest: whole, its beginning, in a pull command; a file by its checksum", async () => {
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
    await page.locator(".rows a").click();
    await shows(page, /^kops/);
    assert.match(await openedText(page), new RegExp(file.sha256));
    await page.reload();
    await page.locator("details[open]").waitFor();
  });

  test("nothing found is said, also to who listens", async () => {
    const { page } = await visit("/");
    await page.getByRole("searchbox", { name: /Search/ }).fill("no such thing");
    await page.getByText("Nothing in production matches.").waitFor();
    await page.getByRole("status").getByText("Nothing found").waitFor({ state: "attached" });
  });

  test("copy: the digest, a command, a file's download", async () => {
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

  test("the keyboard alone: slash, type, down, Enter, open a version, Escape", async () => {
    const { page } = await visit("/");
    await shows(page, "Container images and files");
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the content");
    await page.keyboard.press("/");
    await page.keyboard.type("kube-1");
    await page.getByRole("link", { name: "kubernetes/kube-1", exact: true }).waitFor();
    await page.keyboard.press("ArrowDown");
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

  test("versions can be filtered, and a long list shows its rest when asked", async () => {
    const { page } = await visit(image);
    const wanted = versions()[7]!;
    const box = page.getByRole("searchbox", { name: "Filter versions by tag or digest" });
    await box.fill(wanted.digest.slice(7, 30));
    assert.equal(await page.locator(".versions details").count(), 1);
    await box.fill("nothing has this");
    await page.getByText("No version has that").waitFor();
    await box.fill("");
    assert.equal(await page.locator(".versions details").count(), versions().length);
  });

  test("what is not there: the status for machines, a page for people, with what may have been meant", async () => {
    for (const [address, heading] of [
      ["/nothing/here", /not found/],
      ["/v2/kubernetes/nonsense", /this registry serves/],
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

  test("an image that is not there is no error of the page", async () => {
    const { page } = await visit("/images/kubernetes/kube");
    await shows(page, "Not in production");
    await page.getByRole("link", { name: "kubernetes/kube-0", exact: true }).waitFor();
  });

  test("the status: what the redirector sees", async () => {
    const { page } = await visit("/status");
    await shows(page, "All mirrors answer");
    site.setHealth("files-aws", false);
    await page.reload();
    await shows(page, "1 mirror of 4 does not answer");
    await page.getByRole("row", { name: /us-east-1.*does not answer/ }).waitFor();
    site.setHealth("files-aws", true);
  });

  test("a mirror that fails is told, and trying again helps", async () => {
    site.failing = true;
    const { page } = await visit("/");
    await shows(page, "The catalogue did not load");
    site.failing = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await shows(page, "Container images and files");
    assert.deepEqual(
      visitor.complaints().filter((one) => !one.includes("503")),
      [],
    );
  });

  test("data replaced while somebody looks: the new one is read", async () => {
    const { page } = await visit("/projects/kubernetes");
    await shows(page, "kubernetes");
    // The browser keeps the project's document for a minute; what it refers to is gone now.
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

  test("what projects say of themselves is text: no markup, no script, no dangerous link", async () => {
    const markup = "<img src=x onerror=alert(1)>";
    const entry = catalogueEntry({
      name: "odd",
      description: markup,
      contact: "javascript:alert(1)",
      imagePrefix: "odd",
      filePrefix: "odd",
      images: new Map(),
      facts: new Map(),
      files: [{ path: "v1/f", sha256: "0".repeat(64), bytes: 1 }],
    });
    const before = site.objects.get(indexKey)!;
    for (const [key, text] of entry.documents) site.objects.set(key, Buffer.from(text));
    const index = replaceEntry(readDocument("index", String(before))!, "odd", entry.index);
    site.objects.set(indexKey, Buffer.from(writeDocument(index)));
    const { page } = await visit("/?q=odd");
    await page.getByText(markup).waitFor();
    await page.goto("/projects/odd");
    await page.getByText(markup).waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
    site.objects.set(indexKey, before);
  });

  test("nothing published yet is a sentence", async () => {
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

  for (const [name, options] of [
    ["light, wide", { colorScheme: "light", viewport: { width: 1280, height: 800 } }],
    ["dark, narrow", { colorScheme: "dark", viewport: { width: 320, height: 700 } }],
  ] as const) {
    test(`axe finds nothing to complain of, nothing is cut off: ${name}`, async () => {
      const [newest] = versions();
      // The page's policy would keep axe out, too.
      visitor = await newVisitor(browser, site.origin, { ...options, bypassCSP: true });
      const { page } = visitor;
      for (const address of [
        "/",
        "/?q=kube",
        "/projects/kubernetes",
        "/projects/kops/files/1.20.2",
        `${image}:${newest!.tags[0]}`,
        "/status",
        "/images/nothing",
      ]) {
        await page.goto(address);
        await page.locator("main h1").waitFor({ state: "attached" });
        await page.locator("header.bar").waitFor();
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
        assert.deepEqual(found, [], address);
        const wide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(wide, 0, `${address} can be scrolled sideways`);
      }
    });
  }

  test("at the size of k8s.io: 108 projects, 12,400 digests, found by digest", async () => {
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
    } finally {
      await big.stop();
    }
  });
});
