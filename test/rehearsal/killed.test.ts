/**
 * `kill -9` of `pulumi up` at random points of a promotion that adds, removes and moves a tag. The next `up` must reach the exact wanted state in
 * every mirror and its catalogue, and copy nothing that is present. Every fifth point is not random but held in the middle. Five points by
 * default, else ARTIFACTS_KILLS (`npm run drills`: 20). The seed is ARTIFACTS_SEED, else random and printed.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { projectRoot } from "../../local/tools/rehearsal-folder.ts";
import { type Choose, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { randomOf } from "../support/generate-manifests.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { generateProject, promoting, writeProject } from "./generated-project.ts";
import {
  assertCatalogue,
  assertListedIsThere,
  assertProduction,
  copies,
  fileMirrors,
  type Wanted,
  wantedOf,
} from "./production.ts";

const kills = Number(process.env["ARTIFACTS_KILLS"] || 5);
const seed = Number(process.env["ARTIFACTS_SEED"] || Math.floor(Math.random() * 1_000_000));

describe(`pulumi up, killed at ${kills} random points`, function () {
  this.timeout((15 + 3 * kills) * 60_000);
  let drill: Drill;
  /** The program's S3 endpoint: a proxy that can hold a run in the middle. */
  let s3: FaultyProxy;
  const states: { manifests: string; wanted: Wanted }[] = [];
  /** Milliseconds from the start of a run to the start of the promotions, and from there to the end. */
  let beginning = 0;
  let promotion = 0;

  before(async () => {
    console.warn(`ARTIFACTS_SEED=${seed} ARTIFACTS_KILLS=${kills}${kills < 20 ? " (all 20: npm run drills)" : ""}`);
    const [opened, project] = await Promise.all([Drill.open({ redirector: "stand-in" }), generateProject("drill")]);
    drill = opened;
    s3 = await startFaultyProxy(new URL(drill.cloud.endpoints.s3).host);
    // Each change adds three of ten releases, removes three and keeps four. The same for files.
    for (const [name, isPromoted] of [
      ["old", (index: number) => index < 7],
      ["new", (index: number) => index >= 3],
    ] as const) {
      const manifests = join(drill.workspace.folder, "manifests", name);
      const promoted = promoting(project, isPromoted);
      await writeProject(manifests, promoted);
      states.push({ manifests, wanted: wantedOf([promoted]) });
    }
    await drill.stage({ projects: [project] });
    await configure(states[0]!.manifests);
    drill.checkpoints = false;
    await drill.run("pulumi up");
    await assertProduction(drill, states[0]!.wanted);

    await configure(states[1]!.manifests);
    const start = performance.now();
    const up = drill.start("pulumi up");
    await up.prints(begins);
    beginning = performance.now() - start;
    assert.equal((await up.ended).code, 0, up.output);
    promotion = performance.now() - start - beginning;
    await assertProduction(drill, states[1]!.wanted);
    await assertCatalogue(drill, states[1]!.wanted);
  });
  after(async () => {
    // Only the held points are asserted to be in the middle; the others are random.
    console.warn(`${halfway} of ${kills} left production between the old state and the new`);
    await drill.end();
    await s3.close();
  });
  const configure = (manifests: string) =>
    drill.configure(manifests, { "aws:endpoints": [{ s3: `http://${s3.host}` }] });

  const random = randomOf(seed);
  let halfway = 0;
  for (let index = 0; index < kills; index++) {
    // Of five points one is held in the middle, one is anywhere in the run, the others are during the promotion.
    const [held, anywhere] = [index % 5 === 0, index % 5 === 4];
    const share = random();
    const moment = `after ${Math.round(share * 100)}% of ${anywhere ? "the run" : "the promotion"}`;
    it(`${index + 1}: ${held ? "held after the first file in S3" : moment}`, async () => {
      const [from, to] = index % 2 === 0 ? [states[1]!, states[0]!] : [states[0]!, states[1]!];
      await configure(to.manifests);
      const changed = await changeOfFiles(drill);
      if (held) s3.inject(holdingAllButOneFile());
      drill.checkpoints = true;
      const up = drill.start("pulumi up");
      drill.checkpoints = false;
      if (held) {
        await changed(up.ended);
      } else if (anywhere) {
        await setTimeout(share * (beginning + promotion));
      } else {
        await up.prints(begins);
        await setTimeout(share * promotion);
      }
      await up.kill();
      await orphansEnd();
      s3.inject(() => undefined);
      assert.ok((await assertListedIsThere(drill)) > 0);
      const isIn = (wanted: Wanted) =>
        assertProduction(drill, wanted).then(
          () => true,
          () => false,
        );
      const isHalfway = !(await isIn(from.wanted)) && !(await isIn(to.wanted));
      if (isHalfway) halfway++;
      assert.ok(isHalfway || !held, "one file of those to come is in S3, and no other");

      const had = await copies(drill);
      await drill.run("pulumi cancel");
      // Sometimes the runbook's way, with a refresh first.
      if (index % 3 === 2) await drill.run("pulumi refresh --clear-pending-creates");
      const output = await drill.run("pulumi up");
      await assertProduction(drill, to.wanted);
      await assertCatalogue(drill, to.wanted);
      const now = await copies(drill);
      for (const [location, copy] of now) {
        if (had.has(location)) assert.equal(copy.identity, had.get(location)!.identity, `${location} was copied again`);
      }
      const missing = [...now].filter(([location]) => !had.has(location)).reduce((sum, [, { size }]) => sum + size, 0);
      assert.ok(sentBytes(output) <= missing + rounding, `${sentBytes(output)} bytes sent, ${missing} were missing`);
      await drill.run("pulumi preview --expect-no-changes");
    });
  }
});

/**
 * Lets one file into the S3 mirror and answers no other change of its files, like a store that hangs. So the run can neither end nor remove
 * anything before it is killed, whatever the machine's speed.
 */
function holdingAllButOneFile(): Choose {
  let first: string | undefined;
  return (method, url) => {
    const path = url.split("?", 1)[0]!;
    if (!/^(PUT|POST|DELETE)$/.test(method) || !path.includes("/binaries/")) return undefined;
    first ??= path; // one file may need several requests: a file that is added again has a delete marker
    return path === first ? undefined : { kind: "hang" };
  };
}

/** @returns a function that resolves when the files in the S3 mirror have changed, or the run has ended. */
async function changeOfFiles(drill: Drill): Promise<(ended: Promise<unknown>) => Promise<void>> {
  const [mirror] = fileMirrors(drill, await drill.resources()).filter(({ cloud }) => cloud === "aws");
  const list = async () => (await mirror!.list("binaries/")).join("\n");
  const before = await list();
  return async (ended) => {
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!over && (await list()) === before) await setTimeout(5);
  };
}

/** The engine's output when it has called the provider. */
const begins = /promotion:index:Promoted\w+ drill updating/;

/** Tolerance, bytes: sizes in summaries have one decimal. */
const rounding = 0.1 * 1024 * 1024;

/** Bytes that the promotions report as sent, from the last line of each. */
function sentBytes(output: string): number {
  const units: Readonly<Record<string, number>> = { bytes: 1, byte: 1, KiB: 1024, MiB: 1024 ** 2 };
  const diagnostics = output.split("Diagnostics:").at(-1)!.split("Outputs:")[0]!;
  const sizes = diagnostics.matchAll(/copied [\d,]+ \(([\d.,]+) (bytes?|KiB|MiB)\)/g);
  return [...sizes].reduce((sum, [, amount, unit]) => sum + Number(amount!.replaceAll(",", "")) * units[unit!]!, 0);
}

/** Waits until the providers have noticed a kill -9 of the CLI and ended. Until then they may write. */
async function orphansEnd(): Promise<void> {
  const provider = join(projectRoot, "components/promotion/provider/");
  for (;;) {
    const { stdout } = await promisify(execFile)("ps", ["-axo", "ppid=,command="]);
    if (!stdout.split("\n").some((line) => /^\s*1\s/.test(line) && line.includes(provider))) return;
    await setTimeout(50);
  }
}
