/** Runs the runbook for a lost or damaged state, command by command, on the rehearsal with production's protections. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { importIds } from "../../components/adoption/adoption.ts";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { type CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { assertProduction, copies, type Wanted, wantedOf } from "./production.ts";

describe("recovery of the state", function () {
  this.timeout(15 * 60_000);
  let drill: Drill;
  let artifacts: DemoArtifacts;
  let wanted: Wanted;
  const settings: Record<string, unknown> = { "artifacts:protection": true };

  before(async () => {
    [drill, artifacts] = await Promise.all([Drill.open({ redirector: "stand-in" }), makeArtifacts()]);
    wanted = wantedOf(artifacts.projects);
    await drill.configure(demoManifestsFolder, settings);
    await drill.stage(artifacts);
    drill.checkpoints = false;
    await drill.run("pulumi up");
    await assertProduction(drill, wanted);
  });
  after(() => drill.end());

  const stateFile = () => join(drill.workspace.folder, "state/.pulumi/stacks/artifacts/local.json");

  it("lost state: one command adopts everything that exists", async () => {
    const before = await drill.resources();
    const held = await copies(drill);
    assert.ok(held.size > 40, `${held.size} copies`);
    await rm(join(drill.workspace.folder, "state/.pulumi"), { recursive: true });
    await drill.run("pulumi stack init local --no-select");

    const adopted = await drill.run("npm run adopt");
    await drill.run("pulumi preview --expect-no-changes");
    await drill.run("pulumi refresh --preview-only --expect-no-changes");

    const importable = before.filter(({ type }) => importIds[type] !== undefined);
    assert.match(adopted, new RegExp(`= ${importable.length} imported`));
    assert.deepEqual(creationTimes(await drill.resources()), creationTimes(before), "nothing was created again");
    assert.deepEqual(await copies(drill), held, "nothing was copied again");
    await assertProduction(drill, wanted);
  });

  it("intact state: adopting changes nothing, and a leftover environment variable does no harm", async () => {
    const before = creationTimes(await drill.resources());
    const output = await drill.run("npm run adopt");
    assert.match(output, /Resources:\n {4}\d+ unchanged\n/);
    assert.deepEqual(creationTimes(await drill.resources()), before);
    const plain = await drill.refused("ARTIFACTS_ADOPT=1 pulumi preview");
    assert.match(plain, /ARTIFACTS_ADOPT=1 is set by `npm run adopt` only/);
  });

  it("damaged state: an earlier version of its file, or an export, is restored", async () => {
    await copyFile(stateFile(), `${stateFile()}.version`); // as the state's bucket keeps versions
    await drill.run(`pulumi stack export --file ${stateFile()}.export`);
    const damage = async () => {
      await truncate(stateFile(), 100_000);
      assert.match(await drill.refused("pulumi preview"), /unexpected end of JSON input/);
    };

    await damage();
    await copyFile(`${stateFile()}.version`, stateFile());
    await drill.run("pulumi preview --expect-no-changes");

    await damage();
    await drill.run(`pulumi stack import --file ${stateFile()}.export`);
    await drill.run("pulumi preview --expect-no-changes");
  });

  it("kill -9 during a change: the lock is released, and created resources are found and adopted", async () => {
    await drill.configure(demoManifestsFolder, { ...settings, "artifacts:gcpRegions": [...regions, "europe-west4"] });
    const before = await drill.resources();
    drill.checkpoints = true;
    const up = drill.start("pulumi up");
    drill.checkpoints = false;
    // Kill between the request to create the registry, whose start takes a moment, and its response.
    const registry = join(drill.workspace.folder, "cloud/registries/europe-west4");
    while (!existsSync(registry)) {
      assert.doesNotMatch(up.output, /images-europe-west4 created/);
      await setTimeout(1);
    }
    await up.kill();
    const repository = "projects/rehearsal-artifacts/locations/europe-west4/repositories/images";
    while (!(await drill.resources()).some(({ id }) => id === repository)) await setTimeout(10);
    const left = (await drill.resources()).length - before.length;
    assert.ok(left > 0);
    assert.match(await drill.refused("pulumi up"), /the stack is currently locked by 1 lock/);
    await drill.run("pulumi cancel");
    const state = JSON.parse(await readFile(stateFile(), "utf8")) as State;
    const pending = state.checkpoint.latest.pending_operations ?? [];
    assert.ok(
      pending.some(({ resource }) => resource.urn.endsWith("::images-europe-west4")),
      JSON.stringify(pending),
    );

    await drill.run("pulumi refresh --clear-pending-creates");
    // Which of them the engine comes to first is chance.
    assert.match(
      await drill.refused("pulumi up"),
      /europe-west4 .*Error 409: (the repository already exists|Your previous request)/,
    );
    await drill.run("npm run adopt");
    await drill.run("pulumi preview --expect-no-changes");
    await drill.run("pulumi refresh --preview-only --expect-no-changes");
    await assertProduction(drill, wanted, { images: 3, files: 4 });
  });
});

/** The regions in Pulumi.local.yaml. */
const regions = ["us-central1", "europe-west1"];

/** The parts of a state file that the test reads. */
interface State {
  readonly checkpoint: {
    readonly latest: { readonly pending_operations?: readonly { readonly resource: { readonly urn: string } }[] };
  };
}

/** Time of creation of each resource, by type and id. It changes if the resource is created again. Resources that can only be set are left out. */
function creationTimes(resources: readonly CloudResource[]): Record<string, unknown> {
  return Object.fromEntries(
    resources
      .filter(({ type }) => importIds[type] !== undefined)
      .map(({ type, id, computed }) => [`${type} ${id}`, computed["__created"]])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  );
}
