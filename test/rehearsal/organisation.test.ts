/** `npm run rehearse`: an organisation's own config and manifests on the emulated clouds, from nothing to a page about all of it. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { type RehearsalProcess, Workspace } from "../support/rehearsal/rehearsal.ts";

const fixture = "test/support/organisations/with-aws.yaml";

describe("npm run rehearse", () => {
  let place: Workspace;
  let rehearsal: RehearsalProcess;

  before(async () => {
    place = await Workspace.make(200);
    rehearsal = place.rehearse([
      "--stack",
      "acme",
      "--config-file",
      fixture,
      "--html",
      join(place.folder, "page.html"),
    ]);
    await rehearsal.says("Running. Press Ctrl-C to stop.");
  });
  after(async () => {
    rehearsal.child.kill("SIGTERM");
    await rehearsal.ended;
    await place.remove();
  });

  /** The lines of a section of the page. */
  const section = (title: string): string =>
    rehearsal.output.split(`== ${title}`).at(-1)?.split(/\n\n/)[0] ?? assert.fail(`no section ${title}`);

  it("makes every resource of the config, and nothing of the demo", () => {
    assert.match(section("Resources by kind"), /Google Cloud {2}artifactregistry Repository +4$/m); // 2 mirrors, 2 staging areas
    assert.match(section("Resources by kind"), /AWS +s3 Bucket +1$/m);
    assert.match(section("Resources by kind"), /AWS +route53 Record +4$/m);
    assert.doesNotMatch(rehearsal.output, /dotslash|semver/);
  });

  it("an artifact of each project goes to each mirror, and is pulled from three continents", () => {
    for (const project of ["full", "new"]) {
      const row = section("Rehearsed")
        .split("\n")
        .slice(1)
        .join("\n")
        .split(/^ {3}(?=\w+: in)/m)
        .find((one) => one.startsWith(project));
      for (const region of ["us-central1", "europe-west1", "us-east-1"]) assert.ok(row?.includes(region), region);
      assert.match(row ?? "", /New York: image from registry us-central1/);
      assert.match(row ?? "", /Berlin: image from registry europe-west1/);
      assert.match(row ?? "", /Tokyo: file from GCS/);
    }
  });

  it("says what was not rehearsed, who may do what, and what to do by hand", () => {
    assert.match(section("Not rehearsed"), /full: 3\n.*tool.*sha256:a{64}/s);
    assert.match(
      section("Who may do what"),
      /everybody +roles\/artifactregistry\.reader +repository images in europe-west1, repository images in us-central1/,
    );
    assert.match(
      section("Who may do what"),
      /GitHub: artifacts\.yml of repository 1296269 for tags +roles\/storage\.objectUser +bucket example-staging-full/,
    );
    const steps = section("By hand, before the first deployment");
    const commands = [
      "gcloud projects create",
      "aws sts",
      "aws route53 get-hosted-zone",
      "npm run bootstrap",
      "pulumi stack init",
      "pulumi up",
    ];
    assert.deepEqual(
      commands.toSorted((a, b) => steps.indexOf(a) - steps.indexOf(b)),
      commands,
    );
    for (const command of commands) assert.ok(steps.includes(command), command);
    assert.doesNotMatch(rehearsal.output, /CLOUDFLARE/);
  });

  it("the same as a page of HTML, with texts escaped", async () => {
    const page = await readFile(join(place.folder, "page.html"), "utf8");
    assert.match(page, /^<!doctype html>/);
    assert.match(page, /<td>everybody<\/td><td>roles\/artifactregistry\.reader<\/td>/);
    assert.match(page, /gcloud billing projects link example-artifacts --billing-account &lt;id&gt;/);
  });

  it("leaves nothing in production: the preview of the running rehearsal finds no change", async () => {
    const preview = place.pulumi("preview", "--stack", "acme", "--expect-no-changes", "--non-interactive");
    assert.equal(await preview.ended, 0, preview.output);
    assert.match(preview.output, /Previewing update \(acme\)/);
    const without = place.pulumi("stack", "output", "url"); // the only stack that is rehearsed
    assert.equal(await without.ended, 0, without.output);
    assert.equal(without.output.trim(), "https://artifacts.example.org");
  });

  it("refuses mistakes before anything starts, each with its line", async () => {
    const missing = place.rehearse(["--stack", "absent"]);
    assert.equal(await missing.ended, 2);
    assert.match(missing.output, /error: there is no Pulumi\.absent\.yaml: npm run init writes it/);
    const second = place.rehearse(["--stack", "acme", "--config-file", fixture]);
    assert.equal(await second.ended, 1);
    assert.match(second.output, /error: a rehearsal of stack acme runs already/);
  });
});
