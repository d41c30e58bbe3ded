import assert from "node:assert/strict";
import { it } from "mocha";
import type { Properties } from "../../../../components/plugin/properties.ts";
import { PartialFailure } from "../../../../components/plugin/protocol.ts";
import type { CatalogueWriter } from "../../../../components/promotion/catalogue/catalogue-writer.ts";
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

it("what a run that failed was to describe again is described by the next one, of another process", async () => {
  const first = await recorded({}, news);
  const asked: unknown[] = [];
  let failures = ["mirror m: HTTP 503"];
  const run = async (olds: Properties, oldInputs: Properties, copied: readonly string[]): Promise<Properties> => {
    const publish: CatalogueWriter["publish"] = (_, anew) => {
      asked.push(anew === "all" ? anew : [...anew].sort());
      return Promise.resolve({ document: "d", incomplete: failures.length > 0 ? ["m"] : [], failures, summary: "" });
    };
    const one = catalogueProvider({ status: nothing, lasting: nothing }, () =>
      Promise.resolve({ publish } as Partial<CatalogueWriter> as CatalogueWriter),
    );
    one.promoted("p", new Set(copied));
    const call = { urn: "", type: catalogueEntryType, name: "p", id: "p", olds, oldInputs, inputs: first };
    try {
      return (await one.update({ ...call, preview: false })).outputs;
    } catch (error) {
      assert.ok(error instanceof PartialFailure);
      return error.outputs;
    }
  };
  const [a, b] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`] as const;
  const failed = await run({ document: "d" }, first, [a]);
  const differs = { urn: "", type: catalogueEntryType, name: "p", id: "p", oldInputs: first, news: first };
  const { document, anew } = failed; // as a refresh leaves it, which finds the mirrors as they were written
  assert.deepEqual((await provider.diff?.({ ...differs, olds: { document, anew } }))?.changed, ["mirrors"]);
  assert.deepEqual((await provider.diff?.({ ...differs, olds: { document } }))?.changed, []);
  const again = await run(failed, first, [b]);
  failures = [];
  assert.deepEqual(await run(again, first, []), { document: "d" });
  assert.deepEqual(asked, [[a], [a, b], [a, b]]);

  failures = ["mirror m: HTTP 503"];
  const relearned = await run({ document: "d" }, { ...first, learned: 1 }, [a]);
  await run(relearned, first, [b]);
  assert.deepEqual(asked.slice(3), ["all", "all"]);
});

async function recorded(olds: Properties, wanted: Properties): Promise<Properties> {
  const checked = await provider.check?.({ urn: "", type: catalogueEntryType, name: "p", olds, news: wanted });
  assert.deepEqual(checked?.failures ?? [], []);
  return checked!.inputs;
}
