/** What was promoted lately, as a document and as an Atom feed. */
import assert from "node:assert/strict";
import { DOMParser } from "linkedom";
import { it } from "mocha";
import { readDocument } from "../../../../components/catalogue/formats.ts";
import { writeDocument } from "../../../../components/catalogue/layout.ts";
import { fileListingLine, imageListingLine } from "../../../../components/catalogue/listing.ts";
import {
  noRecent,
  promotionBetween,
  withPromotions,
} from "../../../../components/promotion/catalogue/recent-document.ts";
import { recentFeed } from "../../../../components/promotion/catalogue/recent-feed.ts";

const [a, b] = ["a", "b"].map((letter) => `sha256:${letter.repeat(64)}`) as [string, string];
const image = (digest: string, ...tags: string[]) => imageListingLine("p", "p/tool", digest, tags);
const file = (path: string, letter: string) => fileListingLine("p", `binaries/p/${path}`, letter.repeat(64));
const time = new Date("2026-11-29T10:00:00Z");

for (const [what, before, after, wanted] of [
  ["nothing", image(a, "v1"), image(a, "v1"), undefined],
  ["a first tag", "", image(a, "v1"), { added: ["p/tool:v1"] }],
  ["a second tag of a digest", image(a, "v1"), image(a, "v1", "latest"), { added: ["p/tool:latest"] }],
  [
    "a tag that moves",
    image(a, "v1", "latest"),
    image(b, "v2", "latest") + image(a, "v1"),
    { added: ["p/tool:v2"], changed: ["p/tool:latest"] },
  ],
  ["a digest without a tag", "", image(a), { added: [`p/tool@${a}`] }],
  ["a file that is removed", file("v1/x", "c"), "", { removed: ["binaries/p/v1/x"] }],
  ["a file with other content", file("v1/x", "c"), file("v1/x", "d"), { changed: ["binaries/p/v1/x"] }],
  ["an order of lines", image(a, "v1") + image(b, "v2"), image(b, "v2") + image(a, "v1"), undefined],
] as const) {
  it(`is recorded: ${what}`, () => {
    const found = promotionBetween("p", before, after, time);
    const { added, changed, removed } = { added: [], changed: [], removed: [], ...wanted };
    const counts = { added: added.length, changed: changed.length, removed: removed.length };
    const promotion = { time: "2026-11-29T10:00:00.000Z", project: "p", added, changed, removed, counts };
    assert.deepEqual(found, wanted && promotion);
  });
}

it("the document is bounded, sorted, and as its schema says", () => {
  const many = Array.from({ length: 30 }, (_, at) => file(`v1/${"x".repeat(900)}${at}`, "c")).join("");
  let recent = noRecent;
  for (let day = 1; day <= 80; day++)
    recent = withPromotions(recent, [promotionBetween(`p${day}`, "", many, new Date(2026, 0, day))!]);
  assert.equal(recent.promotions.length, 50);
  assert.equal(recent.promotions[0]?.project, "p80");
  assert.equal(recent.promotions[0]?.counts.added, 30);
  const text = writeDocument(recent);
  assert.ok(text.length < 1_000_000, `${text.length}`);
  assert.deepEqual(readDocument("recent", text), recent);
});

it("the feed has what RFC 4287 requires, and what names hold is text in it", () => {
  const hostile = ['v1/<script>&amp;"]]>', "v1/\u202egnp.exe", "v1/\u0007\ufffe", "v1/ok"];
  const promotions = [
    promotionBetween("p", "", hostile.map((path) => file(path, "c")).join(""), time)!,
    promotionBetween("q", image(a, "v1"), image(b, "v1"), new Date("2026-11-28T10:00:00Z"))!,
  ];
  const text = recentFeed(withPromotions(noRecent, promotions), "artifacts.example.org") ?? assert.fail("no feed");
  assert.doesNotMatch(text, /[^\n\x20-\x7e]/, "nothing but printable ASCII");
  // Well-formed: no `<` or `&` that does not begin a tag or a reference.
  assert.match(text, /^<\?xml [^>]*\?>\n(?:<\/?[a-z]+(?: [a-z]+="[^"<>]*")*\/?>|&#\d+;|[^<>&])*$/);

  const document = new DOMParser().parseFromString(text, "text/xml");
  const feed = document.documentElement as unknown as Element;
  const children = (of: Element, name: string) => [...of.children].filter(({ localName }) => localName === name);
  const only = (of: Element, name: string): string => {
    const [found, ...others] = children(of, name);
    assert.equal(others.length, 0, `more than one ${name}`); // RFC 4287, 4.1.1 and 4.1.2: exactly one
    return found?.textContent ?? assert.fail(`no ${name}`);
  };
  assert.deepEqual([feed.localName, feed.getAttribute("xmlns")], ["feed", "http://www.w3.org/2005/Atom"]);
  const entries = children(feed, "entry");
  assert.equal(entries.length, 2);
  assert.equal(children(feed, "author").length, 1, "of all entries: 4.1.1");
  const ids = [feed, ...entries].map((of) => {
    assert.notEqual(only(of, "title"), "");
    assert.match(only(of, "updated"), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/); // RFC 3339: 3.3
    for (const link of children(of, "link"))
      assert.match(link.getAttribute("href") ?? "", /^https:\/\/artifacts\.example\.org\//);
    return only(of, "id");
  });
  assert.equal(new Set(ids).size, 3, "no identifier twice: 4.2.6");
  for (const id of ids) assert.match(id, /^tag:artifacts\.example\.org,2026:promoted(\/|$)/);
  assert.equal(only(feed, "updated"), "2026-11-29T10:00:00.000Z", "of the newest");
  assert.deepEqual(only(entries[0]!, "content").split("\n"), [
    'added binaries/p/v1/<script>&amp;"]]>',
    "added binaries/p/v1/\\u{202e}gnp.exe",
    "added binaries/p/v1/\\u{7}\\u{fffe}",
    "added binaries/p/v1/ok",
  ]);
  assert.equal(only(entries[1]!, "title"), "q: 1 changed");
  assert.equal(recentFeed(noRecent, "artifacts.example.org"), undefined);
});
