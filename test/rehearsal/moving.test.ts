/** Runs docs/moving-from-k8s.md, command by command: k8s.io's mirrors are adopted as they stand, the names are switched, and switched back. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, it } from "mocha";
import { describeUnless } from "../support/annotations.ts";
import { K8sDrill, movingCommands, today } from "../support/rehearsal/k8s-drill.ts";

/** Its adoption takes minutes, which a check of each change has not. */
const notNow = process.env["ARTIFACTS_KILLS"] === undefined ? "takes minutes: npm run drills" : undefined;

describeUnless(notNow, "moving from k8s.io", function () {
  this.timeout(15 * 60_000);
  let k8s: K8sDrill;
  let left: string[];
  let held: ReadonlyMap<string, string>;
  const settings: Record<string, unknown> = {
    "artifacts:imageRepository": today.repository,
    "artifacts:bucketNames": {
      [today.gcs.region]: today.gcs.bucket,
      [today.s3.region]: today.s3.bucket,
    },
    "artifacts:live": false,
  };
  /** Runs the document's next command. @returns its output. */
  const next = async (expected: RegExp, edit = (command: string) => command): Promise<string> => {
    const command = left.shift() ?? "";
    assert.match(command, expected);
    return await k8s.run(edit(command));
  };
  const configure = (more: Record<string, unknown> = {}) =>
    k8s.drill.configure(k8s.manifests, { ...settings, ...more });

  before(async () => {
    [k8s, left] = await Promise.all([K8sDrill.open(8, true), movingCommands()]);
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", k8s.checkout, "-c", "user.name=x", "-c", "user.email=x@example.org", ...args]);
    git("init", "-q");
    git("add", "-A");
    git("commit", "-qm", "before");
    await appendFile(join(k8s.checkout, "registry.k8s.io/images/k8s-staging-kops/images.yaml"), "# a comment\n");
    git("commit", "-qam", "a comment");
    held = await k8s.existing();
  });
  after(() => k8s.end());

  it("imports every name, and the dry run says what would be imported into the state", async () => {
    const report = await next(/^npm run import .*--report$/);
    assert.match(report, /^before: 9 repositories, 12 image:tag@digest, 2 files$/m);
    assert.match(report, /^equal: every name/m);
    await next(/^npm run check$/);
    await configure();
    const preview = await next(/^npm run adopt .*--preview-only$/, (command) => `${command} || true`);
    assert.match(preview, /import|does not exist/);
    assert.deepEqual((await k8s.drill.resources()).length, 4, "nothing is made");
  });

  it("adopts the mirrors: what they hold is not written again, and a new one is filled from them", async () => {
    const adopted = await next(/^npm run adopt -- --stack prod$/);
    const imported = [...adopted.matchAll(/= (\d+) imported/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    assert.equal(imported, 4, "two repositories and two buckets");
    const now = await k8s.existing();
    assert.deepEqual(new Map([...now].filter(([key]) => held.has(key))), held);
    await k8s.drill.run("pulumi preview --expect-no-changes");
    const again = await next(/^npm run import .*--since HEAD~1$/);
    assert.match(again, /: 0 files added, 0 changed/);
  });

  it("serves the same as before, by the names that clients use, before the name points here", async () => {
    await assert.rejects(k8s.drill.control.site("artifacts.example.org"), /no A or AAAA record/);
    const [here, registry] = await Promise.all([k8s.loadBalancer(), k8s.registry("us-central1")]);
    const images = await next(/^npm run compare -- --registry /, (command) =>
      command.replace("registry.k8s.io", registry).replace("artifacts.example.org", here),
    );
    assert.match(images, /12 names of 12 names compared: equal/);
    const files = await next(
      /^npm run compare -- --files /,
      (command) =>
        `${command.replace("https://artifacts.example.org", `http://${here}`)} --gcs-endpoint ${k8s.drill.rehearsal.gcsEndpoint}`,
    );
    assert.match(files, /2 names of 2 names compared: equal/);
    assert.deepEqual(left, [], "every command of the document");
  });

  it("the names are switched by one setting, and back", async () => {
    await configure({ "artifacts:live": true });
    await k8s.drill.run("pulumi up");
    const site = new URL(await k8s.drill.control.site("artifacts.example.org"));
    await k8s.assertServed(site.host);
    await configure();
    await k8s.drill.run("pulumi up");
    await assert.rejects(k8s.drill.control.site("artifacts.example.org"), /no A or AAAA record/);
    const now = await k8s.existing();
    assert.deepEqual(new Map([...now].filter(([key]) => held.has(key))), held, "the old names find what they found");
  });
});
