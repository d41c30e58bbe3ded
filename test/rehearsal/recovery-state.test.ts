/** Runs the runbook for a lost or damaged state, command by command, on the rehearsal with production's protections. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { parse } from "yaml";
import { importIds } from "../../components/adoption/adoption.ts";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { type CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { OwnerCheckout } from "../support/rehearsal/owner-checkout.ts";
import { followSection } from "../support/rehearsal/runbook.ts";
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
    const [, adopted = ""] = await followSection(drill, "The state is lost");
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
    await followSection(drill, "The state is damaged", {
      at: {
        "gcloud storage ls": async () => "",
        "gcloud storage cp": () => drill.run(`cp ${stateFile()}.version ${stateFile()}`),
      },
    });

    await damage();
    await followSection(drill, "The state is damaged, and there is an export", {
      fill: { "<export>": `${stateFile()}.export` },
    });
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
    const state = JSON.parse(await readFile(stateFile(), "utf8")) as State;
    const pending = state.checkpoint.latest.pending_operations ?? [];
    assert.ok(
      pending.some(({ resource }) => resource.urn.endsWith("::images-europe-west4")),
      JSON.stringify(pending),
    );

    const refused = async () => {
      // Which of them the engine comes to first is chance.
      assert.match(
        await drill.refused("pulumi up"),
        /europe-west4 .*Error 409: (the repository already exists|Your previous request)/,
      );
      return undefined;
    };
    await followSection(drill, "A run was killed", { at: { "npm run adopt": refused } });
    await drill.run("pulumi refresh --preview-only --expect-no-changes");
    await assertProduction(drill, wanted, { images: 3, files: 4 });
  });

  describe("a seed project", () => {
    let owner: OwnerCheckout;
    let fileBefore: string;
    let held: Awaited<ReturnType<typeof copies>>;
    const production = { bucket: "rehearsal-artifacts-state", key: "production" };
    const inSeed = { bucket: "rehearsal-artifacts-seed-state", key: "seed" };
    /** What `bootstrap` prints for the stack's file. */
    const printed = (output: string) =>
      parse([...output.matchAll(/^# {3}(\S+: .*)$/gm)].map(([, line]) => line).join("\n")) as Record<string, string>;
    /** Whom the grants to workflows name: the pools' projects, by number. */
    const granted = async (): Promise<string[]> => {
      const members = (await drill.resources()).flatMap(({ inputs }) => [inputs["members"] ?? []].flat().map(String));
      const numbers = members.flatMap((member) => /^principalSet:.*?\/projects\/(\d+)\//.exec(member)?.[1] ?? []);
      return [...new Set(numbers)];
    };

    before(async () => {
      owner = await OwnerCheckout.make(drill);
      // Today's layout: state and key are production's.
      const settingsOfState = printed(await owner.run("npm run bootstrap -- --stack local --create"));
      await drill.run(`pulumi stack export --file ${owner.folder}/state.json`);
      await followSection(owner, "Taking the state over", {
        fill: {
          "gs://<new bucket>": `gs://${production.bucket}`,
          "gcpkms://<old key>": "passphrase",
          "gcpkms://<new key>": `hashivault://${production.key}`,
        },
        at: { "pulumi stack export": async () => "" },
      });
      await owner.set(settingsOfState);
      await owner.run("pulumi up --stack local");
      [fileBefore, held] = [await readFile(owner.file, "utf8"), await copies(drill)];
    });
    after(() => owner.end());

    it("state, key and pool move there, command by command, and what was there is needed no more", async () => {
      const made = await followSection(owner, "Making the seed project", {
        fill: { "<seed project>": "rehearsal-seed" },
      });
      await followSection(owner, "Taking the state over", {
        fill: {
          "gs://<new bucket>": `gs://${inSeed.bucket}`,
          "gcpkms://<old key>": `hashivault://${production.key}`,
          "gcpkms://<new key>": `hashivault://${inSeed.key}`,
        },
      });
      await owner.set(printed(made.join("\n")));
      await followSection(owner, "Moving the pool");
      assert.deepEqual(await granted(), ["271828182845"]);
      assert.deepEqual(await copies(drill), held, "nothing is lost or copied again");
      owner.keys.destroyed.add(production.key);
      await owner.run("pulumi preview --stack local --expect-no-changes");
      owner.keys.destroyed.delete(production.key);
    });

    it("and back, though something was deployed meanwhile", async () => {
      await owner.set({ "artifacts:alertEmail": "oncall@example.org" });
      await owner.run("pulumi up --stack local");
      await writeFile(owner.file, fileBefore);
      await owner.set({ "artifacts:alertEmail": "oncall@example.org" });
      await followSection(owner, "Moving back", {
        fill: { "gs://<old bucket>": `gs://${production.bucket}` },
      });
      assert.deepEqual(await granted(), ["415926535897"]);
      assert.deepEqual(await copies(drill), held);
      owner.keys.destroyed.add(inSeed.key);
      await owner.run("pulumi preview --stack local --expect-no-changes --refresh");
    });
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
