/** Every command, file and link that the documents show is run or parsed; what cannot be says why. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "mocha";
import { documentFaults, documentFiles } from "../support/documents/document-faults.ts";
import { readMarkdown } from "../support/documents/read-document.ts";

const root = join(import.meta.dirname, "../..");
const files = await documentFiles();

describe("documents", () => {
  it("are found", () => {
    for (const wanted of ["README.md", "CONTRIBUTING.md", "docs/operating.md", "redirector/README.md"])
      assert.ok(files.includes(wanted), wanted);
  });

  for (const file of files) {
    it(`${file}: what it shows works, what it points to exists`, async () => {
      const document = readMarkdown(file, await readFile(join(root, file), "utf8"));
      assert.deepEqual(await documentFaults(document), []);
    });
  }

  it("README.md has at most 150 lines", async () => {
    const lines = (await readFile(join(root, "README.md"), "utf8")).split("\n").length - 1;
    assert.ok(lines <= 150, `${lines} lines`);
  });
});

/** A block, and what the test says of it. */
const refused: readonly (readonly [title: string, markdown: string, fault: RegExp])[] = [
  ["a block without a language", "```\nx\n```", /a block without a language/],
  ["an indented block", "text\n\n    npm test\n", /indented block/],
  ["a language that nothing checks", "```ruby\nputs 1\n```", /knows how to check ruby/],
  ["skip without a reason", '```sh skip=""\nnpm run nothing\n```', /skip without a reason/],
  ["words after the language", "```sh because\nnpm test\n```", /only skip=/],
  ["an unknown attribute", '```sh ignore="needs a cloud"\nnpm test\n```', /unknown attribute ignore/],
  ["an excerpt that does not say whose", "```text\nDone.\n```", /what prints this\?/],
  ["an excerpt of a command that does not exist", '```text excerpt="npm run nothing"\nDone.\n```', /no script nothing/],
  ["bad shell syntax", "```sh\nif true; then npm test\n```", /syntax error/],
  ["a program that nobody has", "```sh\nartifactctl up\n```", /artifactctl: command not found/],
  ["a script that does not exist", "```sh\nnpm run nothing\n```", /no script nothing/],
  ["a script that is called without run", "```sh\nnpm bench -- manifests\n```", /is it npm run bench\?/],
  ["arguments that npm keeps", "```sh\nnpm run new tool --owners tool@example.org\n```", /arguments come after --/],
  ["a required argument that is missing", "```sh\nnpm run new -- tool\n```", /--owners/],
  [
    "bootstrap without its organization",
    "```sh\nnpm run bootstrap -- --project <id>\n```",
    /exit code 2: .*--organization/,
  ],
  ["an unknown option", "```sh\nnpm run audit -- --everything\n```", /called wrongly.*'--everything'/],
  ["an unknown option of the rehearsal", "```sh\nnpm start -- --twice\n```", /'--twice'/],
  ["an unknown option of a build", "```sh\nnpm run build -- --fast\n```", /'--fast'/],
  ["an unknown benchmark", "```sh\nnpm run bench -- nothing\n```", /no benchmark nothing/],
  ["a word that no test has", "```sh\nnpm test -- nowhere/at-all\n```", /no test has nowhere\/at-all/],
  ["a file that is not there", "```sh\nnode local/nothing.ts\n```", /no file local\/nothing\.ts/],
  ["a tool that is not installed", "```sh\nnpx prettier --check .\n```", /npx prettier: not installed/],
  ["a Pulumi command that nothing runs", "```sh\npulumi console\n```", /runs pulumi console/],
  ["a Pulumi option that nothing runs", "```sh\npulumi up --yolo\n```", /pulumi up with --yolo/],
  ["a wrong command within a line of others", "```sh\nnpm ci && npm run nothing && npm test\n```", /no script nothing/],
  ["YAML that does not say what it is", "```yaml\na: 1\n```", /does not name its file/],
  ["YAML of a file that is not there", "```yaml\n# .github/nothing.yml\na: 1\n```", /no file \.github\/nothing\.yml/],
  [
    "a resource of Kubernetes without a name",
    "```yaml\napiVersion: v1\nkind: Pod\nmetadata: {}\nspec: {}\n```",
    /no metadata\.name/,
  ],
  ["YAML that does not parse", "```yaml\n# biome.yaml\na: [1\n```", /Flow sequence/i],
  [
    "a project without staging",
    "```yaml\n# manifests/tool/project.yaml\ndescription: A tool\nowners:\n  group: tool@example.org\n```",
    /manifests\/tool\/project\.yaml:\d+:\d+: .*staging/,
  ],
  [
    "a digest that is too short",
    '```yaml\n# manifests/tool/images.yaml\n- name: tool\n  dmap:\n    "sha256:abc": ["v1"]\n```',
    /manifests\/tool\/images\.yaml:4:/,
  ],
  [
    "a warning of the reader",
    '```yaml\n# manifests/tool/images.yaml\n- name: tool\n  dmap:\n    "sha256:<64 hex digits>": [1.10]\n```',
    /manifests\/tool\/images\.yaml:4:/,
  ],
  [
    "a setting that does not exist",
    "```yaml\n# Pulumi.prod.yaml\nconfig:\n  artifacts:gcpRegion: x\n```",
    /is not a setting/,
  ],
  ["JSON that does not parse", "```json\n{a: 1}\n```", /JSON/],
  ["a diagram that does not parse", "```mermaid\nflowchart LR\n  a([x --> b\n```", /Parse error on line/],
  ["a link to nowhere", "[x](nothing.md)", /no file nothing\.md/],
  ["a link out of the repository", "[x](../elsewhere.md)", /no file \.\.\/elsewhere\.md/],
  ["a link to no heading", "[x](#nothing)", /no heading #nothing/],
  ["a link to no heading of another file", "[x](README.md#nothing)", /README\.md has no heading #nothing/],
  ["a link without TLS", "[x](http://example.org/)", /only https/],
  ["a picture that is not there", "![x](test/nothing.png)", /no file test\/nothing\.png/],
  ["a command in a sentence", "Call `npm run nothing`.", /no script nothing/],
  ["its arguments", "Call `npm run bootstrap -- --project <id>`.", /--organization/],
  ["a path in a sentence", "See `components/nothing/nothing.ts`.", /no components\/nothing/],
  ["a variable that nothing reads", "Set `ARTIFACTS_NO_SUCH_THING=1`.", /nothing reads ARTIFACTS_NO_SUCH/],
];

describe("the check of the documents refuses", () => {
  for (const [title, markdown, fault] of refused) {
    it(title, async () => {
      const faults = await documentFaults(readMarkdown("EXAMPLE.md", markdown));
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", /^EXAMPLE\.md:\d+: /);
      assert.match(faults[0] ?? "", fault);
    });
  }

  it("nothing in a valid document", async () => {
    const right = [
      "# A title: *with* `code`\n",
      "[up](#a-title-with-code) [file](README.md) <https://example.org/>\n",
      "Call `npm run check`, or `npm run check [-- FOLDER]`; see `components/manifests/` and `test/unit/*.test.ts`.\n",
      "```sh\nnpm ci && npm run new -- tool --owners tool@example.org # writes it\nnpm run bootstrap -- --project <id> --organization <name>\n```\n",
      "```sh\nnpm run import -- <checkout of k8s.io>\nnpm start -- --once --ports 6000\nnpm test -- unit/manifests\n```\n",
      '```sh skip="needs a cloud account"\ngcloud storage rm gs://x\n```\n',
      '```text excerpt="npm run check"\nmanifests: no mistakes\n```\n',
      '```yaml\n# manifests/tool/images.yaml\n- name: tool\n  dmap:\n    "sha256:<64 hex digits>": ["v1"]\n```\n',
      "```yaml\n# Pulumi.prod.yaml\nconfig:\n  artifacts:retiringRegions: [us-east1]\n```\n",
      "```mermaid\nflowchart LR\n  a([x]) -- push --> b[(y<br>z)]\n```\n",
      '```json\n{"a": 1}\n```\n',
    ].join("\n");
    assert.deepEqual(await documentFaults(readMarkdown("EXAMPLE.md", right)), []);
  });
});
