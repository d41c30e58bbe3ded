// A project may publish from another's staging area, which lets it in.
import assert from "node:assert/strict";
import { it } from "mocha";
import { changeGuards } from "../../../components/commands/change-guards.ts";
import { locationsByName, productionOf } from "../../../components/commands/production.ts";
import { manifestDifferences } from "../../../components/manifests/difference.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import type { StackConfig } from "../../../components/stack/config.ts";

const digest = `sha256:${"a".repeat(64)}`;

/** Two projects with these settings of staging, and the second one's repositories. */
function read(one: string, two: string, repositories = "") {
  const declaration = (staging: string, repositories = "") =>
    `description: x\nowners: {group: g@example.org${repositories}}\nstaging: {${staging}}\n`;
  const { projects, problems } = readManifests(
    new Map([
      ["one/project.yaml", declaration(one)],
      ["two/project.yaml", declaration(two, repositories)],
      ["two/images.yaml", `- name: app\n  dmap:\n    "${digest}": ["v1"]\n`],
    ]),
  );
  return { projects, two: projects.find(({ name }) => name === "two"), problems: problems.map(problemLine) };
}

it("the promotion reads the other's repository and bucket, by their names", () => {
  const { two, problems } = read("images: true, files: true, sharedWith: [two]", "images: true, project: one");
  assert.deepEqual(problems, []);
  assert.ok(two);
  const config = {
    project: "p",
    stagingLocation: "us",
    googlePrefix: "org",
    gcpRegions: [],
    awsRegions: [],
    imageBuckets: new Set(),
    imageStores: [],
    bucketNames: {},
  } as unknown as StackConfig;
  const places = locationsByName(config);
  assert.deepEqual(places.staging(two), { repository: "us-docker.pkg.dev/p/staging-one", bucket: "" });
  const [images] = productionOf([two], places, {}).images;
  assert.deepEqual([images?.staging, images?.prefix], ["us-docker.pkg.dev/p/staging-one", "two"]);
});

for (const { what, one, two, more, problem } of [
  {
    what: "an area that is not shared",
    one: "images: true",
    two: "images: true, project: one",
    problem: /^two\/project.yaml:3:34: staging.project "one" does not share .* add `sharedWith: \[two\]`/,
  },
  {
    what: "a project that does not exist",
    one: "images: true",
    two: "images: true, project: three",
    problem: /^two\/project.yaml:3:34: staging.project "three" does not exist$/,
  },
  {
    what: "the project itself",
    one: "images: true",
    two: "images: true, project: two",
    problem: /staging.project "two" is this project: remove the line/,
  },
  {
    what: "a project that uses another's",
    one: "images: true, project: two",
    two: "images: true, project: one",
    problem: /^two.*: staging.project "one" uses that of project "two": name that one/,
  },
  {
    what: "an area for another kind",
    one: "files: true, sharedWith: [two]",
    two: "images: true, project: one",
    problem: /^two.*: staging.project "one" has no staging area for images: set `staging.images: true` there/,
  },
  {
    what: "settings of an area that is not its own",
    one: "images: true, sharedWith: [two]",
    two: "images: true, project: one, retentionDays: 3",
    problem: /^two\/project.yaml:3:54: staging.retentionDays is of the staging area, which is that of project "one"/,
  },
  {
    what: "repositories that would push to it",
    one: "images: true, sharedWith: [two]",
    two: "images: true, project: one",
    more: ', repositories: [{name: a/b, id: "1"}]',
    problem: /^two\/project.yaml:2:\d+: owners.repositories is of the staging area/,
  },
])
  it(`refuses ${what}`, () => {
    const { two: project, problems } = read(one, two, more);
    assert.equal(project, undefined);
    assert.ok(
      problems.some((line) => problem.test(line)),
      problems.join("\n"),
    );
  });

it("warns of a share for nobody", () => {
  assert.match(
    read("images: true, sharedWith: [three]", "images: true").problems.join("\n"),
    /^one\/project.yaml:3:38: warning: shares its staging area with project "three", which does not exist/,
  );
});

it("a change that shares a staging area does not use it too", () => {
  const both = (one: string, two: string) => read(one, two).projects;
  const [alone, shared] = [both("images: true", "images: true"), "images: true, sharedWith: [two]"];
  const stops = (before: typeof alone, after: typeof alone) =>
    changeGuards(manifestDifferences(before, after)).filter(
      (guard) => guard.stops && /two changes/.test(guard.message),
    );
  const using = both(shared, "images: true, project: one");
  assert.equal(stops(alone, using).length, 1);
  assert.equal(stops(both(shared, "images: true"), using).length, 0);
  assert.equal(stops([], using).length, 0, "an import makes both");
});

it("the review of a change names who may publish from it, and who moves there", () => {
  const before = read("images: true, sharedWith: [two]", "images: true").two;
  const after = read("images: true, sharedWith: [two]", "images: true, project: one").two;
  assert.ok(before && after);
  assert.ok(
    changeGuards(manifestDifferences([before], [after])).some(({ message }) =>
      /staging.project.* becomes .*one/.test(message),
    ),
  );
});
