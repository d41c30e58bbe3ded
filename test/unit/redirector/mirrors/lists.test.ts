/** How the redirector reads whole lists from a mirror: pages, limits, memory. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parseConfig } from "../../../../redirector/config.ts";
import { type ListResult, Lists, mergeLists, type WholeList } from "../../../../redirector/mirrors/lists.ts";

const url = "https://mirror.example/v2/p/images/app/tags/list";
const mirror = { name: "m", url: "https://m.example/v2/p", cloud: "gcp", region: "r", latitude: 0, longitude: 0 };
const parsed = parseConfig(
  JSON.stringify({ host: "h", region: { name: "r", latitude: 0, longitude: 0 }, imageMirrors: [mirror] }),
);
assert.ok("config" in parsed);
const settings = parsed.config.lists;
const many = Array.from({ length: 1_500 }, (_, index) => `t${String(index).padStart(4, "0")}`);

/** A mirror by its response to each query; what was asked is in `asked`. */
function mirrorOf(respond: (query: URLSearchParams, url: string) => Response): {
  fetchPage: (url: string) => Promise<Response>;
  asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    fetchPage: async (address) => {
      asked.push(address);
      return respond(new URL(address).searchParams, address);
    },
  };
}

/** A page of tags after `last`. */
function pageOf(
  tags: readonly string[],
  query: URLSearchParams,
  most: number,
  link?: (last: string) => string,
): Response {
  const from = tags.findIndex((tag) => tag > (query.get("last") ?? ""));
  const page = from < 0 ? [] : tags.slice(from, from + most);
  const more = from >= 0 && from + most < tags.length;
  return Response.json({ tags: page }, { headers: more && link ? { link: link(page.at(-1)!) } : {} });
}

async function tagsBy(respond: Parameters<typeof mirrorOf>[0], more: Partial<typeof settings> = {}) {
  const { fetchPage, asked } = mirrorOf(respond);
  const answer = await new Lists({ ...settings, ...more }, fetchPage).read({ kind: "tags", url });
  return { asked, answer };
}

function assertTags(answer: ListResult, expected: readonly string[]): void {
  assert.ok(typeof answer !== "string" && answer.kind === "tags", String(answer));
  assert.deepEqual(answer.tags, expected);
}

describe("complete lists of a mirror, for every way of paging", () => {
  const cases: [string, Parameters<typeof mirrorOf>[0]][] = [
    ["all at once", () => Response.json({ tags: many.toReversed() })],
    [
      "1,000 a page, a relative link",
      (query) => pageOf(many, query, 1_000, (last) => `</v2/p/images/app/tags/list?n=1000&last=${last}>; rel="next"`),
    ],
    [
      "100 a page, an unquoted rel, another path",
      (query) => pageOf(many, query, 100, (last) => `</v2/x/tags/list?last=${last}>; rel=next`),
    ],
    [
      "7 a page, an absolute link to another host",
      (query) => pageOf(many, query, 7, (last) => `<https://internal.example/v2/a/tags/list?last=${last}>; rel="next"`),
    ],
    ["cut at n without a link", (query) => pageOf(many, query, Number(query.get("n")))],
    ["cut at 100 without a link, whatever n", (query) => pageOf(many, query, 100)],
  ];
  for (const [name, respond] of cases) {
    it(name, async () => {
      const { answer, asked } = await tagsBy(respond);
      assertTags(answer, many);
      for (const address of asked) assert.ok(address.startsWith(`${url}?`), address);
    });
  }

  it("an empty list, and `tags: null`", async () => {
    assertTags((await tagsBy(() => Response.json({ tags: [] }))).answer, []);
    assertTags((await tagsBy(() => Response.json({ tags: null }))).answer, []);
  });

  it("a mirror that ignores `last`, or whose links form a cycle, gets at most two requests", async () => {
    const fifty = many.slice(0, 50);
    const ignoring = await tagsBy(() => Response.json({ tags: fifty }));
    assertTags(ignoring.answer, fifty);
    assert.equal(ignoring.asked.length, 2);
    const round = await tagsBy(() => Response.json({ tags: ["a"] }, { headers: { link: "<?n=1000>; rel=next" } }));
    assertTags(round.answer, ["a"]);
    assert.equal(round.asked.length, 1);
  });
});

describe("results without a list", () => {
  const cases: [string, ListResult, Parameters<typeof mirrorOf>[0], Partial<typeof settings>?][] = [
    ["404", "absent", () => new Response("", { status: 404 })],
    ["401", "failing", () => new Response("", { status: 401 })],
    [
      "a redirect, which is not followed",
      "failing",
      () => new Response("", { status: 307, headers: { location: "https://evil.example/" } }),
    ],
    ["500", "failing", () => new Response("", { status: 500 })],
    ["no JSON", "failing", () => new Response("<html>")],
    [
      "404 for the second page: half a list is none",
      "failing",
      (query) =>
        query.has("last")
          ? new Response("", { status: 404 })
          : pageOf(many, query, 2, (last) => `<?last=${last}>; rel=next`),
    ],
    ["more bytes than are read", "unread", () => Response.json({ tags: many }), { bytes: 1_024 }],
    [
      "more pages than are read",
      "unread",
      (query) => pageOf(many, query, 2, (last) => `<?last=${last}>; rel=next`),
      { pages: 10 },
    ],
  ];
  for (const [name, expected, respond, more] of cases) {
    it(name, async () => assert.equal((await tagsBy(respond, more)).answer, expected));
  }

  it("a mirror that times out", async () => {
    const hanging = (_: string, signal: AbortSignal) =>
      new Promise<Response>((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    const lists = new Lists({ ...settings, timeoutSeconds: 0.1 }, hanging);
    assert.equal(await lists.read({ kind: "tags", url }), "failing");
  });
});

describe("the cache of lists", () => {
  it("reads a list once for concurrent requests, caches it, and reads it again after its time", async () => {
    let now = 0;
    const { fetchPage, asked } = mirrorOf(() => Response.json({ tags: ["a"] }));
    const lists = new Lists(settings, fetchPage, () => now);
    await Promise.all(Array.from({ length: 20 }, () => lists.read({ kind: "tags", url })));
    now = settings.keptSeconds * 1000 - 1;
    await lists.read({ kind: "tags", url });
    assert.equal(asked.length, 1);
    now++;
    await lists.read({ kind: "tags", url });
    assert.equal(asked.length, 2);
    assert.deepEqual(lists.counts, { kept: 1, read: 2, shared: 19, absent: 0, failing: 0, unread: 0 });
  });

  it("evicts the oldest lists at the limit of bytes", async () => {
    const { fetchPage, asked } = mirrorOf(() => Response.json({ tags: many }));
    const lists = new Lists({ ...settings, keptBytes: 30_000 }, fetchPage);
    for (const name of ["a", "b", "c", "c", "a"]) await lists.read({ kind: "tags", url: `https://m/${name}` });
    assert.deepEqual(
      asked.map((address) => address[10]),
      ["a", "a", "b", "b", "c", "c", "a", "a"],
    );
  });

  it("limits lists read concurrently", async () => {
    const gate = Promise.withResolvers<Response>();
    const lists = new Lists({ ...settings, concurrency: 2 }, () => gate.promise);
    const reading = ["a", "b"].map((name) => lists.read({ kind: "tags", url: name }));
    assert.equal(await lists.read({ kind: "tags", url: "c" }), "unread");
    gate.resolve(new Response("", { status: 404 }));
    assert.deepEqual(await Promise.all(reading), ["absent", "absent"]);
  });
});

describe("merging lists", () => {
  const tags = (...names: string[]): WholeList => ({ kind: "tags", tags: names });
  const referrersOf = (from: string, ...digests: string[]) => digests.map((digest) => ({ digest, from }));
  const referrers = (from: string, ...digests: string[]): WholeList => ({
    kind: "referrers",
    referrers: referrersOf(from, ...digests),
  });

  for (const [what, one, other, whole] of [
    ["tags", tags("a", "c"), tags("b", "c"), tags("a", "b", "c")],
    [
      "referrers",
      referrers("one", "x", "y"),
      referrers("other", "y", "z"),
      { kind: "referrers", referrers: [...referrersOf("one", "x", "y"), ...referrersOf("other", "z")] },
    ],
  ] as const) {
    it(`${what}: each item once, and the same lists are merged once, however many pages are read of them`, () => {
      const merged = mergeLists([one, other]);
      assert.deepEqual(merged, whole);
      assert.equal(mergeLists([one, other]), merged);
      const longer = mergeLists([one, what === "tags" ? tags("d") : referrers("third", "d")]);
      assert.notDeepEqual(longer, merged, "of another list");
    });
  }

  it("takes no memory where the other mirrors have nothing more", () => {
    const one = tags("a", "b");
    assert.equal(mergeLists([one, tags("b"), tags("a", "b")]), one);
    const attached = referrers("one", "x");
    assert.equal(mergeLists([attached, referrers("other", "x")]), attached);
  });
});
