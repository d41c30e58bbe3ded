import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { type LoopbackServer, serveOnLoopback } from "../../support/loopback-server.ts";

const artifacts = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");

describe("--trace", () => {
  let registry: LoopbackServer;
  let folder = "";
  before(async () => {
    registry = await serveOnLoopback((_, response) => void response.writeHead(404).end());
    folder = await mkdtemp(join(tmpdir(), "trace-"));
    await mkdir(join(folder, "manifests/tool"), { recursive: true });
    await writeFile(
      join(folder, "manifests/tool/project.yaml"),
      "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n",
    );
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  function promote(args: string[], environment: Record<string, string> = {}): Promise<string> {
    const staging = `${registry.host}/staging`;
    const all = [artifacts, "promote", "tool", "app:v1", "--staging", staging, ...args];
    const env = { PATH: process.env["PATH"], ...environment };
    return new Promise((resolve) => {
      execFile(process.execPath, all, { cwd: folder, env }, (_, __, err) => resolve(err));
    });
  }

  const line = /^trace: HEAD 127\.0\.0\.1:\d+ \/v2\/staging\/app\/manifests\/v1 status=404 ms=\d+ .*try=1$/m;

  it("prints a line for each request to standard error, and without it none", async () => {
    assert.match(await promote(["--trace"]), line);
    assert.doesNotMatch(await promote([]), /^trace: /m);
  });

  it("ARTIFACTS_TRACE=1 does the same", async () => {
    assert.match(await promote([], { ARTIFACTS_TRACE: "1" }), line);
  });

  for (const command of ["audit", "sync", "promote", "adopt"])
    it(`${command} --help names the option and the environment variable`, async () => {
      const help = await new Promise<string>((resolve) => {
        execFile(process.execPath, [artifacts, command, "--help"], { cwd: folder }, (_, out) => resolve(out));
      });
      assert.match(help, /^ {2}--trace .*HTTP request.*\n.*ARTIFACTS_TRACE=1/m);
    });
});
