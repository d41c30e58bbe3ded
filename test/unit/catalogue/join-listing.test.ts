/** The page's search has the lines of all parts as one text, by project. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { joinListing } from "../../../redirector/catalogue/page/join-listing.ts";

it("lines of all parts, sorted by project, each project's as they were", () => {
  const line = (project: string, name: string) => `image\t${project}\t${name}\tsha256:0\tv1\n`;
  const [b2, b1, a, c, large1, large2] = [
    line("b", "b/2"),
    line("b", "b/1"),
    line("a", "a"),
    line("c", "c"),
    line("large", "1"),
    line("large", "2"),
  ] as const;
  assert.equal(joinListing([b2 + b1 + large1, a + c, large2]), a + b2 + b1 + c + large1 + large2);
  assert.equal(joinListing([a]), a);
  assert.equal(joinListing(["", a + c]), a + c);
  assert.equal(joinListing([a, "file\tb\tbinaries/b/x\tsha256:0"]), `${a}file\tb\tbinaries/b/x\tsha256:0`);
  assert.equal(joinListing([]), "");
});
