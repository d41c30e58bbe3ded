// What a change of the manifests does, and what the guards say of it, judged by what main said before.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "mocha";
import { changeGuards } from "../../../components/commands/change-guards.ts";
import { changeSummary } from "../../../components/commands/change-summary.ts";
import { engineLists } from "../../../components/commands/engine-lists.ts";
import { manifestDifferences } from "../../../components/manifests/difference.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { runArtifacts } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const declaration = (lines = "") =>
  `description: x\nowners: {group: g@example.org}\nstaging: {images: true, files: true}\n${lines}`;
const images = (...lines: [tag: string, digit: string][]) =>
  `- name: app\n  dmap:\n${lines.map(([tag, digit]) => `    "${digest(digit)}": ["${tag}"]\n`).join("")}`;
const files = (count: number) =>
  `files:\n${Array.from({ length: count }, (_, index) => `- name: v1/f${index}\n  sha256: ${"c".repeat(64)}\n`).join("")}`;

type Texts = Readonly<Record<string, string>>;
const four = {
  "p/project.yaml": declaration(),
  "p/images.yaml": images(["v1", "1"], ["v2", "2"], ["v3", "3"], ["v4", "4"]),
};

function read(texts: Texts) {
  const { projects, problems } = readManifests(new Map(Object.entries(texts)));
  assert.deepEqual(problems.map(problemLine), []);
  return projects;
}

/** What the guards say, those that stop it first with `!`. */
function guards(before: Texts, after: Texts): string[] {
  return changeGuards(manifestDifferences(read(before), read(after))).map(
    ({ project, stops, message }) => `${stops ? "! " : ""}${project}: ${message}`,
  );
}

it("the summary has what the engine's preview says of attachments and signers, as text", () => {
  const output = [
    "~ promotion:index:PromotedImages: (update)",
    "    info: Who signed and built the new images:",
    "      app:v1: signed by https://github.com/example/tool at 2026-01-02, logged in rekor",
    "    info: What production gains (+) and loses (-) attached to images:",
    "      + signature sha256:1111 of app:v1 by `x`",
    "      ... and 3 more",
    "",
    "Resources:",
    "    ~ 1 to update",
    "Diagnostics:",
    "  promotion:index:PromotedImages (other):",
    "    info: What production gains (+) and loses (-) attached to images:",
    "      + SBOM sha256:2222 of <!-- b:v2",
    "  promotion:index:PromotedFiles (third):",
    "    warning: something",
  ].join("\n");
  const lists = engineLists(output);
  assert.deepEqual(lists, {
    trust: ["app:v1: signed by https://github.com/example/tool at 2026-01-02, logged in rekor"],
    attachments: ["+ signature sha256:1111 of app:v1 by `x`", "... and 3 more", "+ SBOM sha256:2222 of <!-- b:v2"],
  });
  const summary = changeSummary([], [], lists);
  assert.ok(summary.includes("**Attached to the new images**\n\n- `` + signature sha256:1111 of app:v1 by `x` ``\n"));
  assert.match(summary, /^- `\+ SBOM sha256:2222 of <!-- b:v2`$/m);
  assert.match(summary, /\*\*Who signed and built the new images\*\*\n\n- `app:v1: signed by/);
});

describe("guards on a change of the manifests", () => {
  it("have nothing to say of additions and of a share of removals", () => {
    assert.deepEqual(
      guards(four, { ...four, "p/images.yaml": `${four["p/images.yaml"]}    "${digest("5")}": []\n` }),
      [],
    );
    assert.deepEqual(guards(four, { ...four, "p/images.yaml": images(["v1", "1"], ["v2", "2"]) }), []);
    assert.deepEqual(guards({}, four), []);
  });

  it("stop a removal beyond the share of main, whatever the change itself says", () => {
    const after = { "p/project.yaml": declaration("removalShare: 1\n"), "p/images.yaml": images(["v1", "1"]) };
    assert.deepEqual(guards(four, after), [
      "! p: 6 of 8 tags and digests would be removed: more than the 50% of `removalShare` (raising it here counts from the next change on). List what is meant to go in `withdrawn.yaml`.",
      "p: Loosens a guard: `removalShare` rises from 0.5 to 1. This counts from the next change on.",
    ]);
    const loosened = { ...four, "p/project.yaml": declaration("removalShare: 1\n") };
    assert.deepEqual(guards(four, loosened).length, 1, "loosening alone is no removal");
    assert.deepEqual(guards(loosened, after), [], "and the next change may use it");
  });

  it("tell where a project is moved", () => {
    const placed = { ...four, "p/project.yaml": declaration("regions: [us, europe]\n") };
    assert.deepEqual(guards(four, placed), [
      "p: Changes where the project is: `regions` from all regions to `us, europe`. Mirrors that are in none of its regions any more lose all of it.",
    ]);
    assert.deepEqual(guards(placed, placed), []);
  });

  it("let go what withdrawn.yaml lists, a project's only version too, and nothing beside it", () => {
    const entries = (...digits: string[]) =>
      digits.map((digit) => `- {image: app, digest: "${digest(digit)}", reason: bad}\n`).join("");
    const emptied = (withdrawn: string) => ({
      "p/project.yaml": declaration(),
      "p/images.yaml": "",
      "p/withdrawn.yaml": withdrawn,
    });
    assert.deepEqual(guards(four, emptied(entries("1", "2", "3", "4"))), []);
    assert.deepEqual(guards(four, emptied(entries("1", "2"))), [], "two of four are within the share");
    assert.equal(guards(four, emptied(entries("1"))).length, 1);
    const only = { "p/project.yaml": declaration("removalShare: 0\n"), "p/files.yaml": files(1) };
    const gone = { ...only, "p/files.yaml": "", "p/withdrawn.yaml": "- {file: v1/f0, reason: bad}\n" };
    assert.deepEqual(guards(only, gone), []);
    assert.equal(guards(only, { ...gone, "p/withdrawn.yaml": "" }).length, 1);
  });

  it("count a deleted folder, and a renamed one, as the removal that it is", () => {
    const [deleted = ""] = guards({ ...four, "p/files.yaml": files(2) }, {});
    assert.match(
      deleted,
      /^! p: The folder `manifests\/p` is gone: 8 tags and digests and 2 files would be removed from production\. To remove a project, keep its folder/,
    );
    const renamed = { "q/project.yaml": four["p/project.yaml"], "q/images.yaml": four["p/images.yaml"] };
    assert.match(
      guards(four, renamed)[0] ?? "",
      /^! p: The folder `manifests\/p` was renamed to `manifests\/q`: 8 tags/,
    );
    assert.deepEqual(guards({ "p/project.yaml": declaration() }, {}), [], "nothing of it is in production");
  });

  it("count another prefix as the removal of all that is under the old one", () => {
    const moved = { ...four, "p/project.yaml": declaration("imagePrefix: other\n") };
    assert.match(
      guards(four, moved)[0] ?? "",
      /^! p: 8 of 8 tags and digests would be removed where they are now, as `imagePrefix` changes:/,
    );
  });

  it("stop a tag that main does not declare mutable", () => {
    const after = {
      "p/project.yaml": declaration('mutableTags: ["*"]\n'),
      "p/images.yaml": images(["v1", "2"], ["v2", "1"], ["v3", "3"], ["v4", "4"]),
    };
    assert.deepEqual(guards(four, after), [
      "! p: `app:v1` and 1 other tag would move to another digest, which `mutableTags` on main does not allow. Declaring a tag mutable and moving it takes two changes.",
      "p: Loosens a guard: `mutableTags` gains `*`. This counts from the next change on.",
    ]);
    assert.deepEqual(guards({ ...four, "p/project.yaml": after["p/project.yaml"] }, after), []);
  });

  it("stop a file that main does not declare mutable", () => {
    const before = { ...four, "p/files.yaml": files(2) };
    const after = {
      ...before,
      "p/project.yaml": declaration('mutableFiles: ["v1/*"]\n'),
      "p/files.yaml": files(2).replace(/sha256: \S+/, `sha256: ${"d".repeat(64)}`),
    };
    assert.deepEqual(guards(before, after), [
      "! p: `v1/f0` would get other content, which `mutableFiles` on main does not allow. Declaring a file mutable and changing it takes two changes.",
      "p: Loosens a guard: `mutableFiles` gains `v1/*`. This counts from the next change on.",
    ]);
    assert.deepEqual(guards({ ...before, "p/project.yaml": after["p/project.yaml"] }, after), []);
  });

  it("stop what is withdrawn on main from coming back in the change that removes its entry", () => {
    const withdrawn = { ...four, "p/withdrawn.yaml": `- {image: old, digest: "${digest("9")}", reason: bad}\n` };
    const back = { ...four, "p/images.yaml": `${four["p/images.yaml"]}    "${digest("9")}": ["v9"]\n` };
    assert.match(guards(withdrawn, back)[0] ?? "", /^! p: `old@sha256:9+` is withdrawn on main\..*takes two changes/);
    assert.deepEqual(guards(withdrawn, four), []);
  });

  it("stop a project that is emptied together with its staging area, of which the engine previews nothing", () => {
    const little = { "p/project.yaml": declaration("removalShare: 1\n"), "p/files.yaml": files(1) };
    const after = {
      "p/project.yaml": declaration("removalShare: 1\n").replace("files: true", "files: false"),
      "p/files.yaml": "",
    };
    assert.match(
      guards(little, after)[0] ?? "",
      /^! p: All files would go together with the staging area for them\. Keep `staging.files: true`/,
    );
  });

  it("tell a reviewer that the trust policy changes, which the run judges by main's too", () => {
    const asks = (mode: string) => ({
      ...four,
      "p/project.yaml": declaration(
        `trust: {mode: ${mode}, signers: [{identity: a@example.org, issuer: "https://x.org"}]}\n`,
      ),
    });
    const [said = "", ...more] = guards(asks("require"), asks("warn"));
    assert.match(
      said,
      /^p: Changes the trust policy: `trust` from `\{"mode":"require",.*` to `\{"mode":"warn",.*must satisfy what main requires, too\.$/,
    );
    assert.deepEqual(more, []);
    assert.match(guards(asks("require"), four)[0] ?? "", /to `what the stack asks for`/);
  });

  it("tell a reviewer who may push and approve from now on", () => {
    const after = {
      ...four,
      "p/project.yaml": declaration("approvers: [mallory]\n").replace(
        "g@example.org}",
        "m@example.org, repositories: [{name: example/x, id: 7}]}",
      ),
    };
    assert.deepEqual(guards(four, after), [
      "p: Changes who may push or approve: `owners.group` becomes `m@example.org`.",
      "p: Changes who may push or approve: `owners.repositories` gains `example/x (7): artifacts.yml for tags`.",
      "p: Changes who may push or approve: `approvers` gains `mallory`.",
    ]);
  });
});

it("the summary: a row for each project, then what stops it and what to look at", () => {
  const after = {
    "p/project.yaml": declaration("contact: chat\n"),
    "p/images.yaml": images(["v1", "2"], ["v2", "1"], ["v3", "3"], ["v5", "5"]),
    "p/withdrawn.yaml": `- {image: app, digest: "${digest("4")}", reason: "a | b", reference: CVE-2026-1234}\n`,
    "new/project.yaml": declaration(),
    "new/files.yaml": files(3),
  };
  const changed = manifestDifferences(read(four), read(after));
  assert.equal(
    changeSummary(changed, changeGuards(changed)),
    `| project | tags and digests | files | moved tags | folder |
|---|---|---|---|---|
| \`new\` |  | +3 |  | new |
| \`p\` | +1 −1 |  | 2 |  |

**This stops it**

- \`p\`: \`app:v1\` and 1 other tag would move to another digest, which \`mutableTags\` on main does not allow. Declaring a tag mutable and moving it takes two changes.

**Settings**

- \`p\`: \`contact\` from \`nothing\` to \`"chat"\`

**Withdrawn**

- \`p\`: \`app@${digest("4")}\`: \`a | b\` (\`CVE-2026-1234\`)`,
  );
  assert.equal(changeSummary([], []), "Nothing that is promoted changes.");
});

describe("change-report.ts", () => {
  let folder: string;
  after(() => rm(folder, { recursive: true }));

  const report = async (before: Texts, change: Texts, ...options: string[]) => {
    folder ??= await mkdtemp(join(tmpdir(), "change-report-"));
    await rm(folder, { recursive: true });
    for (const [place, texts] of [
      ["main", before],
      ["manifests", change],
    ] as const) {
      await mkdir(join(folder, place), { recursive: true });
      for (const [path, text] of Object.entries(texts)) {
        await mkdir(dirname(join(folder, place, path)), { recursive: true });
        await writeFile(join(folder, place, path), text);
      }
    }
    await writeFile(join(folder, "Pulumi.prod.yaml"), stackFile);
    await writeFile(join(folder, "engine.txt"), "Previewing update\n  + app:v5\n");
    const args = [
      "--before",
      "main",
      "--after",
      "manifests",
      "--output",
      "report",
      "--run-url",
      "https://example.org/1",
    ];
    const { code, err } = await runArtifacts(["change-report", ...args, ...options], { cwd: folder });
    assert.equal(err, "");
    const names = (await readdir(join(folder, "report"))).sort();
    const texts = await Promise.all(names.map((name) => readFile(join(folder, "report", name), "utf8")));
    return { code, names, comment: texts[0] ?? "" };
  };

  it("writes the summary and the engine's output; a removal of 2,000 files in several comments", async () => {
    const small = await report(
      four,
      { ...four, "p/images.yaml": images(["v1", "1"], ["v2", "2"], ["v3", "3"]) },
      "--engine",
      "engine.txt",
    );
    assert.equal(small.code, 0);
    assert.deepEqual(small.names, ["comment-1.md", "details.txt"]);
    assert.match(
      small.comment,
      /^<!-- artifacts-preview 1 -->\n### What merging this changes in production\n\n\| project /,
    );
    assert.match(small.comment, /```diff\n- p: app:v4 sha256:4+\n```/);
    assert.match(
      small.comment,
      /<summary>What the engine says: 2 lines<\/summary>\n\n```diff\nPreviewing update\n\+ {3}app:v5\n```/,
    );

    // Withdrawn with one reason: the summary counts, the details name each.
    const held = { "p/project.yaml": declaration(), "p/files.yaml": files(50) };
    const list = Array.from(
      { length: 50 },
      (_, index) => `- file: v1/f${index}\n  reason: leaks\n  reference: CVE-2026-12345\n`,
    );
    const gone = await report(held, {
      "p/project.yaml": declaration(),
      "p/files.yaml": "",
      "p/withdrawn.yaml": list.join(""),
    });
    assert.match(
      gone.comment,
      /^- `p`: `v1\/f0`, `v1\/f1`, `v1\/f2`, and 47 more, in the details: `leaks` \(`CVE-2026-12345`\)$/m,
    );
    assert.match(gone.comment, /<summary>Withdrawn, and why: 50 lines<\/summary>/);
    for (const index of [0, 25, 49])
      assert.match(gone.comment, new RegExp(`^p: v1/f${index}: leaks \\(CVE-2026-12345\\)$`, "m"));

    const many = { "p/project.yaml": declaration("removalShare: 1\n"), "p/files.yaml": files(2000) };
    const large = await report(many, { ...many, "p/files.yaml": "" });
    assert.equal(large.code, 0);
    assert.deepEqual(large.names, ["comment-1.md", "comment-2.md", "comment-3.md", "details.txt"]);
    assert.match(large.comment, /\| `p` \| {2}\| −2,000 \|/);
  });

  it("ends with 1 when something stops the change, and says what in the title and the first lines", async () => {
    const { code, comment } = await report(four, {
      "p/project.yaml": declaration("removalShare: 1\n"),
      "p/images.yaml": "",
    });
    assert.equal(code, 1);
    assert.match(
      comment,
      /### This can't be promoted yet\n\n[\s\S]*\*\*This stops it\*\*\n\n- `p`: 8 of 8 tags and digests/,
    );
    const broken = await report(four, { ...four, "p/images.yaml": "- name: Bad\n" });
    assert.equal(broken.code, 1);
    assert.match(
      broken.comment,
      /The manifests have mistakes, listed below\.[\s\S]*manifests\/p\/images\.yaml:1:9: image name "Bad"/,
    );
    assert.match((await report(four, four, "--failed")).comment, /### This can't be promoted yet/);
  });

  it("stops names that are used by a share of the same change", async () => {
    const tool = { "tool/project.yaml": declaration() };
    const share = { "tool/project.yaml": declaration('shares: [{project: p, images: ["x"]}]\n') };
    const use = {
      "p/project.yaml": declaration('imagePrefix: ""\n'),
      "p/images.yaml": `- name: tool/x\n  dmap: {"${digest("1")}": []}\n`,
    };
    const { code, comment } = await report(
      { ...tool, "p/project.yaml": declaration('imagePrefix: ""\n') },
      { ...share, ...use },
    );
    assert.equal(code, 1);
    assert.match(
      comment,
      /- `p`: Uses names by a share that this change grants\. Granting and using takes two changes: ``image "tool\/x" belongs/,
    );
    assert.equal(
      (await report({ ...share, "p/project.yaml": declaration('imagePrefix: ""\n') }, { ...share, ...use })).code,
      0,
    );
  });
});
