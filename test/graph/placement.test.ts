/** The whole program with a project that is not in all regions: what its promotions and its entry in the catalogue are told. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { config, manifests } from "../support/graph/fixtures.ts";
import { runProgram } from "../support/graph/program.ts";

const promotions = ["PromotedImages", "PromotedFiles", "CatalogueEntry"] as const;

/** The mirrors that each resource of the project `full` is told of, by their names. */
async function toldOf(regions: string) {
  const placed = { ...manifests, "full/project.yaml": `${manifests["full/project.yaml"]}${regions}` };
  const { resources } = await runProgram(config, placed);
  const names = (text: unknown) =>
    String(text ?? "")
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [line.split(" ")[0]!]));
  const of = Object.fromEntries(
    promotions.map((type) => {
      const { inputs } =
        resources.find((one) => one.type === `promotion:index:${type}` && one.name === "full") ?? assert.fail(type);
      return [type, inputs];
    }),
  ) as Record<(typeof promotions)[number], Readonly<Record<string, unknown>>>;
  const { PromotedImages: images, PromotedFiles: files, CatalogueEntry: entry } = of;
  return {
    images: names(images["mirrors"]),
    layers: names(images["layerMirrors"]),
    catalogue: names(images["catalogue"]),
    files: names(files["mirrors"]),
    unplaced: [images["unplaced"], images["unplacedLayers"], files["unplaced"]].map((text) =>
      text === undefined ? text : names(text),
    ),
    departureSeconds: [images["departureSeconds"], files["departureSeconds"]],
    heldBy: String(entry["heldBy"]).split(" "),
    entries: names(entry["mirrors"]),
  };
}

const allFiles = ["files-gcp-us-central1", "files-gcp-europe-west1", "files-aws-us-east-1"];

it("without regions a project is everywhere, and no resource is told of another mirror", async () => {
  const told = await toldOf("");
  assert.deepEqual(told.images, ["images-us-central1", "images-europe-west1"]);
  assert.deepEqual([told.files, told.layers], [allFiles, ["files-aws-us-east-1"]]);
  assert.deepEqual(told.unplaced, [undefined, undefined, undefined]);
  assert.deepEqual(told.departureSeconds, [undefined, undefined]);
  assert.deepEqual(told.heldBy, [...told.images, ...allFiles]);
});

it("with regions its promotions write the mirrors there, know of the others, and redirectors are told which have it", async () => {
  const told = await toldOf("regions: [europe]\n");
  const files = ["files-gcp-us-central1", "files-gcp-europe-west1"];
  assert.deepEqual([told.images, told.layers], [["images-us-central1", "images-europe-west1"], []]);
  assert.deepEqual(told.files, files);
  assert.deepEqual(told.unplaced, [[], ["files-aws-us-east-1"], ["files-aws-us-east-1"]]);
  assert.deepEqual(told.departureSeconds, [46, 46], "until each redirector has read that it left");
  assert.deepEqual(told.heldBy, [...told.images, ...files]);
  assert.deepEqual([told.catalogue, told.entries], [allFiles, allFiles], "the catalogue is in every file mirror");
  const american = await toldOf("regions: [us]\n");
  assert.deepEqual(american.images, ["images-us-central1"]);
  assert.deepEqual(american.unplaced, [["images-europe-west1"], [], ["files-gcp-europe-west1"]]);
});

it("a group that the stack does not have stops the program before anything is registered", async () => {
  await assert.rejects(toldOf("regions: [emea]\n"), /project\.yaml:\d+:11: group "emea" is no group of regions/);
});
