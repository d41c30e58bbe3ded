import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "mocha";
import { afterTest } from "../support/cleanup.ts";
import { runMocha } from "../support/run-mocha.ts";

it("a file whose `before` throws after starting servers exits, with the reason", async () => {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-broken-"));
  afterTest(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "broken.test.ts");
  const from = (module: string) => JSON.stringify(join(import.meta.dirname, "../support", module));
  await writeFile(
    file,
    `import { startFaultyProxy } from ${from("faulty-proxy.ts")};
import { startGoogleFront } from ${from("google-front.ts")};
import { startObjectStores } from ${from("object-stores.ts")};
import { startRegistry } from ${from("registries.ts")};
import { startSeedServers } from ${from("seed-servers.ts")};

describe("broken", () => {
  let stores, proxy;
  before(async () => {
    await Promise.all([startRegistry("olareg"), startRegistry("distribution"), startSeedServers()]);
    stores = await startObjectStores();
    const front = await startGoogleFront(() => new URL(stores.gcs).host);
    const passing = await startFaultyProxy(front.host);
    await fetch("http://" + passing.host).catch(() => undefined);
    throw new Error("the third registry does not start");
  });
  after(async () => {
    await proxy.close(); // which does not exist
    await stores.stop();
  });
  it("never begun", () => {});
});
`,
  );
  const { code, output } = await runMocha(file, "--no-parallel"); // which ends only when nothing keeps it alive
  assert.equal(code, 1, output);
  assert.match(output, /the third registry does not start/);
  assert.match(output, /\n0 passed, 2 failed, 0 skipped\n$/);
});
