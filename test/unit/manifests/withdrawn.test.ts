// withdrawn.yaml: what was removed from production on purpose, and may not come back while it is listed.
import assert from "node:assert/strict";
import { it } from "mocha";
import { withdrawnFileLines, withdrawnImageLines } from "../../../components/manifests/lines.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { withdrawnReferences } from "../../../components/promotion/run/removal-guard.ts";

const [a, b] = ["a", "b"].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string];
const declaration = "description: x\nowners: {group: g@example.org}\nstaging: {images: true, files: true}\n";

function read(withdrawn: string, images = "", files = "") {
  const { projects, problems } = readManifests(
    new Map([
      ["p/project.yaml", declaration],
      ["p/withdrawn.yaml", withdrawn],
      ["p/images.yaml", images],
      ["p/files.yaml", files],
    ]),
  );
  return { project: projects[0], problems: problems.map(problemLine) };
}

const entries = `- image: app
  digest: ${a}
  reason: "leaks its key: rebuilt as v1.0.1"
  reference: CVE-2026-12345
- {image: app, tag: v2, reason: wrong name, reference: https://example.org/why?a=b#c}
- {file: v1/tool, reason: broken}
`;

it("digests, tags and files, each with why", () => {
  const { project, problems } = read(entries);
  assert.deepEqual(problems, []);
  assert.deepEqual(project?.withdrawn, [
    { image: "app", digest: a, reason: "leaks its key: rebuilt as v1.0.1", reference: "CVE-2026-12345" },
    { image: "app", tag: "v2", reason: "wrong name", reference: "https://example.org/why?a=b#c" },
    { file: "v1/tool", reason: "broken" },
  ]);
  assert.equal(
    withdrawnImageLines(project!),
    `app:v2 wrong name (https://example.org/why?a=b#c)\napp@${a} leaks its key: rebuilt as v1.0.1 (CVE-2026-12345)\n`,
  );
  assert.equal(withdrawnFileLines(project!), "v1/tool broken\n");
  const spaced = withdrawnFileLines({ ...project!, withdrawn: [{ file: "My Tool.dmg", reason: "broken too" }] });
  assert.equal(spaced, "My%20Tool.dmg broken too\n");
  assert.deepEqual([...withdrawnReferences(spaced)], ["My Tool.dmg"]);
});

it("nothing that is withdrawn is in the manifests, a digest under no name", () => {
  const todo = "remove it here; to promote it again, remove that entry in a change of its own first";
  assert.deepEqual(
    read(
      entries,
      `- name: other\n  dmap:\n    "${a}": ["v1"]\n- name: app\n  dmap:\n    "${b}": ["v2"]\n`,
      `files:\n- name: v1/tool\n  sha256: ${"c".repeat(64)}\n`,
    ).problems,
    [
      `p/files.yaml:2:9: file "v1/tool" is withdrawn (p/withdrawn.yaml:6: "broken"): ${todo}`,
      `p/images.yaml:3:5: image "other": digest "${a}" is withdrawn (p/withdrawn.yaml:1: "leaks its key: rebuilt as v1.0.1"): ${todo}`,
      `p/images.yaml:6:81: image "app": tag "v2" is withdrawn (p/withdrawn.yaml:5: "wrong name"): ${todo}`,
    ],
  );
});

it("mistakes, each at its place", () => {
  const one = "an entry withdraws one thing: write image and digest, or image and tag, or file";
  assert.deepEqual(
    read(`- {image: app, reason: x}
- {image: app, tag: v1, digest: "${a}", reason: x}
- {file: x, image: app, tag: v1, reason: x}
- {reason: x}
`).problems,
    [2, 3, 4, 5].map((line) => `p/withdrawn.yaml:${line - 1}:3: ${one}`),
  );
  assert.deepEqual(
    read(`- {image: app, tag: v1}
- {image: app, tag: v1, reason: "a\\nb", reference: "javascript:alert(1)"}
`).problems,
    [
      "p/withdrawn.yaml:1:3: `reason` is required: add `reason: ` and why it is removed",
      "p/withdrawn.yaml:2:33: reason must be one line of 1 to 300 characters, without U+000A",
      'p/withdrawn.yaml:2:52: reference "javascript:alert(1)" is not a CVE, a GHSA or an https URL',
    ],
  );
  assert.deepEqual(read("").problems, []);
});
