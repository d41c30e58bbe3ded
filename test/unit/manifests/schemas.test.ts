import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv } from "ajv";
import { it } from "mocha";
import { parse } from "yaml";
import { readManifests } from "../../../components/manifests/read.ts";
import { jsonSchemas, schemaFolder } from "../../../components/manifests/schemas.ts";
import { generateManifests } from "../../support/generate-manifests.ts";

const root = join(import.meta.dirname, "../../..");
const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";

it("the committed schemas are those of the formats: npm run schemas writes them", async () => {
  const schemas = jsonSchemas();
  assert.deepEqual((await readdir(join(root, schemaFolder))).sort(), Object.keys(schemas).sort());
  for (const [name, schema] of Object.entries(schemas))
    assert.deepEqual(JSON.parse(await readFile(join(root, schemaFolder, name), "utf8")), schema, name);
});

it("editors find the schemas", async () => {
  const settings = JSON.parse(await readFile(join(root, ".vscode/settings.json"), "utf8"));
  const mapped = Object.keys(settings["yaml.schemas"]).map((path) => path.slice(path.lastIndexOf("/") + 1));
  assert.deepEqual(mapped.sort(), Object.keys(jsonSchemas()).sort());
  for (const path of Object.keys(settings["yaml.schemas"])) await readFile(join(root, path));
});

/** Whether an editor that checks by the schema of a file accepts its text. */
const validators = new Map(
  Object.entries(jsonSchemas()).map(([name, schema]) => [name, new Ajv({ allErrors: true }).compile(schema)]),
);
function accepted(kind: string, text: string): boolean {
  return validators.get(`${kind}.schema.json`)?.(parse(text, { logLevel: "error" })) === true;
}

it("a schema accepts what the reader accepts", () => {
  const set = generateManifests({
    seed: 3,
    biggest: { images: 2, digests: 50 },
    second: { images: 2, digests: 4 },
    others: { projects: 2, images: 4, digests: 6 },
    files: { releases: 2, each: 3, projects: 2 },
  });
  assert.deepEqual(readManifests(set).problems, []);
  for (const [path, text] of set) {
    const kind = /(project|images|files)[./]/.exec(path)?.[1] ?? assert.fail(path);
    assert.ok(accepted(path.includes("project.yaml") ? "project" : kind, text), path);
  }
});

const digest = `sha256:${"a".repeat(64)}`;
for (const [kind, text] of [
  ["images", "- name: app\n  dmapp: {}\n"],
  ["images", "- name: App\n  dmap: {}\n"],
  ["images", "- name: app\n"],
  ["images", `- name: app\n  dmap:\n    "${digest}0": []\n`],
  ["images", `- name: app\n  dmap:\n    "${digest}": v1\n`],
  ["images", `- name: app\n  dmap:\n    "${digest}": ["v1+x"]\n`],
  ["images", `registries: []\n`],
  ["files", `files:\n- name: ../x\n  sha256: ${"a".repeat(64)}\n`],
  ["files", `files:\n- name: x\n  sha256: ${"A".repeat(64)}\n`],
  ["files", "file: []\n"],
  ["project", project.replace("g@example.org", "g")],
  ["project", `${project}removalShare: 2\n`],
  ["project", `${project}imagePrefix: /x\n`],
  ["project", project.replace("true", "1")],
] as const)
  it(`schema and reader refuse ${JSON.stringify(text)}`, () => {
    assert.ok(!accepted(kind, text));
    const { problems } = readManifests(
      new Map([
        ["p/project.yaml", project],
        [`p/${kind}.yaml`, text],
      ]),
    );
    assert.ok(problems.some(({ severity }) => severity === "error"));
  });

it("a schema refuses an unquoted number as a tag, of which the reader warns", () => {
  assert.ok(!accepted("images", `- name: app\n  dmap:\n    "${digest}": [1.10]\n`));
  assert.ok(accepted("images", `- name: app\n  dmap:\n    "${digest}": ["1.10"]\n`));
});
