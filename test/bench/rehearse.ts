/**
 * `npm run bench -- rehearse [--organisation NAME]`: how long an adopter waits for `npm run rehearse -- --once`, from the command to its end, warm: programs
 * and redirector are built. The organisation is one of test/support/organisations: two regions of Google Cloud without AWS and Cloudflare
 * by default. After one run that does not count, the better of two.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { Workspace } from "../support/rehearsal/rehearsal.ts";

const { values } = parseArgs({ options: { organisation: { type: "string", default: "two-regions" } } });

const runs: number[] = [];
for (let round = 0; round < 3; round++) {
  const place = await Workspace.make(200);
  const started = performance.now();
  const file = `test/support/organisations/${values.organisation}.yaml`;
  const rehearsal = place.rehearse(["--stack", "bench", "--config-file", file, "--once"]);
  assert.equal(await rehearsal.ended, 0, rehearsal.output);
  runs.push((performance.now() - started) / 1000);
  await place.remove();
}
const name = values.organisation === "two-regions" ? "small" : values.organisation;
console.log(`seconds of each run: ${runs.map((seconds) => seconds.toFixed(1)).join(", ")}`);
console.log(`figure: rehearse.${name}.seconds = ${Math.min(...runs.slice(1)).toFixed(1)} s`);
