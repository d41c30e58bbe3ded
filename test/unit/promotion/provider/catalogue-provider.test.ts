import assert from "node:assert/strict";
import { it } from "mocha";
import type { Properties } from "../../../../components/plugin/properties.ts";
import { PartialFailure } from "../../../../components/plugin/protocol.ts";
import type { CatalogueWriter } from "../../../../components/promotion/catalogue/catalogue-writer.ts";
import { catalogueEntryType, catalogueProvider } from "../../../../components/promotion/provider/catalogue-provider.ts";
import { packLines } from "../../../../components/promotion/provider/packed-lines.ts";

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

it("the lines are not recorded, that they changed is; a state that has them packed needs no run", async () => {
  const first = await recorded(provider, news);
  assert.deepEqual([first["images"], first["files"]], [undefined, undefined]);
  const call = { urn: "", type: catalogueEntryType, name: "p", id: "p", olds: { document: "d" } };
  const packed = { ...first, images: packLines(lines), files: "" };
  assert.deepEqual((await provider.diff?.({ ...call, oldInputs: packed, news: first }))?.changed, []);
  const again = await recorded(provider, { ...news, images: `${lines}tool:v2 sha256:${"b".repeat(64)}\n` });
  assert.deepEqual((await provider.diff?.({ ...call, oldInputs: first, news: again }))?.changed, ["content"]);
});

it("a run writes the lines that were checked before it, and no others", async () => {
  const written: unknown[] = [];
  const publish: CatalogueWriter["publish"] = ({ images, files }) => {
    written.push({ images, files });
    return Promise.resolve({ document: "d", incomplete: [], failures: [], summary: "" });
  };
  const one = publishing(publish);
  const call = { urn: "", type: catalogueEntryType, name: "p", preview: false };
  const inputs = await recorded(one, { ...news, files: "f sha256:1\n" });
  await one.create({ ...call, inputs });
  assert.deepEqual(written, [{ images: lines, files: "f sha256:1\n" }]);
  const others = await recorded(one, news);
  await assert.rejects(one.create({ ...call, inputs }), /the promoted lines differ from those that were checked/);
  await assert.rejects(publishing(publish).create({ ...call, inputs: others }), /differ from those that were checked/);
  assert.equal(written.length, 1);
});

it("what a run that failed was to describe again is described by the next one, of another process", async () => {
  const first = await recorded(provider, news);
  const asked: unknown[] = [];
  let failures = ["mirror m: HTTP 503"];
  const run = async (olds: Properties, oldInputs: Properties, copied: readonly string[]): Promise<Properties> => {
    const publish: CatalogueWriter["publish"] = (_, anew) => {
      asked.push(anew === "all" ? anew : [...anew].sort());
      return Promise.resolve({ document: "d", incomplete: failures.length > 0 ? ["m"] : [], failures, summary: "" });
    };
    const one = publishing(publish);
    await recorded(one, news);
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

function publishing(publish: CatalogueWriter["publish"]): ReturnType<typeof catalogueProvider> {
  return catalogueProvider({ status: nothing, lasting: nothing }, () =>
    Promise.resolve({ publish } as Partial<CatalogueWriter> as CatalogueWriter),
  );
}

async function recorded(one: typeof provider, wanted: Properties): Promise<Properties> {
  const checked = await one.check?.({ urn: "", type: catalogueEntryType, name: "p", olds: {}, news: wanted });
  assert.deepEqual(checked?.failures ?? [], []);
  return checked!.inputs;
}
