// Whatever stands in a manifest: problems that can be shown, never an exception, and what is read without a problem
// says what the text says.
import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { it } from "mocha";
import { imageLines } from "../../../components/manifests/lines.ts";
import { positionOf } from "../../../components/manifests/positions.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { type Loaded, readManifests } from "../../../components/manifests/read.ts";
import { anyText } from "../../support/any-text.ts";
import { generateManifests } from "../../support/generate-manifests.ts";
import { mutated, yamlish } from "../../support/manifest-fuzz.ts";

const runs = Number(process.env["FUZZ_RUNS"] ?? 2000);
const files = generateManifests({
  seed: 11,
  biggest: { images: 3, digests: 6 },
  second: { images: 2, digests: 4 },
  others: { projects: 1, images: 2, digests: 4 },
  files: { releases: 1, each: 3, projects: 2 },
});
const texts = [...files.values()];
const project = files.get("kubernetes/project.yaml") ?? "";

/** Reads and holds the result to what every result must be. */
function read(given: ReadonlyMap<string, string>): Loaded {
  const loaded = readManifests(given, "m");
  for (const problem of loaded.problems) {
    const text = given.get(problem.file.slice(2)) ?? assert.fail(`${problem.file} was not given`);
    const lines = text.replace(/^\uFEFF/, "").split("\n");
    const line = lines[problem.line - 1] ?? assert.fail(`${problem.file} has no line ${problem.line}`);
    assert.ok(
      problem.column >= 1 && problem.column <= line.length + 1,
      `column ${problem.column} of ${JSON.stringify(line)}`,
    );
    assert.match(problemLine(problem), /^[^\p{Cc}\p{Cf}\p{Cs}]*$/u);
  }
  for (const { images } of loaded.projects)
    for (const { digests } of images) for (const { digest } of digests) assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  return loaded;
}

function withText(path: string, text: string): Map<string, string> {
  return new Map([
    ["p/project.yaml", project.replaceAll("kubernetes", "p")],
    [path, text],
  ]);
}

const path = fc.constantFrom("p/images.yaml", "p/files.yaml", "p/project.yaml", "p/images/x.yaml");

it("random bytes", () => {
  fc.assert(
    fc.property(path, fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
      read(withText(name, Buffer.from(bytes).toString("utf8")));
    }),
    { numRuns: runs },
  );
});

it("random text", () => {
  fc.assert(
    fc.property(path, anyText({ maxLength: 100 }), (name, text) => {
      read(withText(name, text));
    }),
    { numRuns: runs },
  );
});

it("text that looks like YAML", () => {
  fc.assert(
    fc.property(path, yamlish, (name, text) => {
      read(withText(name, text));
    }),
    { numRuns: runs },
  );
});

it("manifests with mistakes", () => {
  let clean = 0;
  fc.assert(
    fc.property(path, mutated(texts), (name, text) => {
      const { problems, projects } = read(withText(name, text));
      const [p] = projects;
      if (p === undefined) assert.ok(problems.some(({ severity }) => severity === "error"));
      else {
        clean++;
        // Each line that is promoted stands in the text, at the place that messages name.
        for (const line of imageLines(p).split("\n").filter(Boolean)) {
          const [, image = "", tag, digest = ""] =
            /^([^:@]+)(?::(\S+))? ?@?(sha256:\w+)$/.exec(line) ?? assert.fail(line);
          const place = positionOf(p, { image, digest }) ?? assert.fail(line);
          const at = text
            .replace(/^\uFEFF/, "")
            .split("\n")
            [place.line - 1]?.slice(place.column - 1);
          assert.match(at ?? "", new RegExp(`^["']?${digest}`));
          assert.ok(tag === undefined || text.includes(tag));
        }
      }
    }),
    { numRuns: runs },
  );
  assert.ok(clean > runs / 50, `only ${clean} of ${runs} texts were without errors: the test says little`);
});

it("names of files and folders", () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.oneof(
          fc.string({ maxLength: 20 }),
          fc.constantFrom("p/project.yaml", "P/project.yaml", "a/b/c/d.yaml", "p/images/é.yaml", "/", "p/"),
        ),
        fc.constantFrom("", project),
      ),
      (given) => {
        read(new Map(Object.entries(given)));
      },
    ),
    { numRuns: runs },
  );
});

// The arguments of a call lie on the stack, and too many throw: no list of mistakes may go that way. A thread's stack of half a megabyte takes
// 40,000 at most, a process's three times as many.
for (const [what, start, line] of [
  ["images", "", "- name: A\n"],
  ["digests", "- name: app\n  dmap:\n", "    D: []\n"],
  ["tags", `- name: app\n  dmap:\n    "sha256:${"a".repeat(64)}":\n`, "    - a b\n"],
  ["keys", "", "K: x\n"],
] as const)
  it(`more mistakes than a call has arguments: ${what}`, async () => {
    const lines = Array.from({ length: 45_000 }, (_, index) => line.replace(/[ADK]/, (letter) => `${letter}${index}`));
    const { most, projects, problems } = await readOnSmallStack(withText("p/images.yaml", start + lines.join("")));
    assert.ok(most < lines.length, `a call has ${most} arguments: the test says little`);
    assert.equal(projects, 0);
    assert.ok(problems > 0);
  });

/** Reads in a thread with a small stack. @returns how many projects and problems; and the most arguments that a call took there, within 1,000. */
async function readOnSmallStack(given: Map<string, string>): Promise<Record<"most" | "projects" | "problems", number>> {
  const reader = import.meta.resolve("../../../components/manifests/read.ts");
  const script = `
    const { parentPort, workerData } = require("node:worker_threads");
    let most = 0;
    try {
      for (;; most += 1_000) [].push(...Array.from({ length: most }));
    } catch {} // a RangeError: these are more than fit on the stack
    void import(${JSON.stringify(reader)}).then(({ readManifests }) => {
      const { projects, problems } = readManifests(workerData, "m");
      parentPort.postMessage({ most, projects: projects.length, problems: problems.length });
    });`;
  const thread = new Worker(script, { eval: true, workerData: given, resourceLimits: { stackSizeMb: 0.5 } });
  const { promise, resolve, reject } = Promise.withResolvers<Record<"most" | "projects" | "problems", number>>();
  thread.once("message", resolve).once("error", reject);
  return promise;
}
