import assert from "node:assert/strict";
import { it } from "mocha";
import type { Properties } from "../../../../components/plugin/properties.ts";
import { catalogueEntryType, catalogueProvider } from "../../../../components/promotion/provider/catalogue-provider.ts";
import { unpackLines } from "../../../../components/promotion/provider/packed-lines.ts";

const lines = `tool:v1 sha256:${"a".repeat(64)}\n`;
const news: Properties = {
  project: "p",
  description: "",
  contact: "",
  imagePrefix: "p",
  filePrefix: "p",
  images: lines,
  files: "",
  summary: "1 image",
  registry: "r",
  mirrors: "m gcs b us\n",
  storage: {},
};
const nothing = () => Promise.resolve();
const provider = catalogueProvider({ status: nothing, lasting: nothing });

it("lines are packed when they are new or changed, and what is packed already stays as it is", async () => {
  const first = await recorded({}, news);
  assert.equal(unpackLines(String(first["images"])), lines);

  // Other bytes for the same lines, as another zlib would make: they are kept.
  const olds = { ...first, images: "packed by another zlib" };
  assert.equal((await recorded(olds, news))["images"], olds.images);

  const changed = { ...news, images: `${lines}tool:v2 sha256:${"b".repeat(64)}\n` };
  const again = await recorded(olds, changed);
  assert.equal(unpackLines(String(again["images"])), changed.images);
  assert.notEqual(again["content"], first["content"]);
});

async function recorded(olds: Properties, wanted: Properties): Promise<Properties> {
  const checked = await provider.check?.({ urn: "", type: catalogueEntryType, name: "p", olds, news: wanted });
  assert.deepEqual(checked?.failures ?? [], []);
  return checked!.inputs;
}
