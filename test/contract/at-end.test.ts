import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

test("a file whose `before` throws after it has started servers ends by itself, and says why", {
  timeout: 300_000,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-at-end-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "broken.test.ts");
  const from = (module: string) => JSON.stringify(join(import.meta.dirname, "../support", module));
  await writeFile(
    file,
    `import { after, before, describe, test } from "node:test";
import { startFaultyProxy } from ${from("faulty-proxy.ts")};
import { startGoogleFront } from ${from("google-front.ts")};
import { startObjectStores } from ${from("object-stores.ts")};
import { startRegistry } from ${from("registries.ts")};
import { startSeedServers } from ${from("seed-servers.ts")};

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
describe("inside", () => {
  test("never begun", () => {});
});
`,
  );
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn(process.execPath, ["--test", file], { env: environment, signal: t.signal });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve).once("error", resolve));
  assert.equal(code, 1, output);
  assert.match(output, /the third registry does not start/);
});
