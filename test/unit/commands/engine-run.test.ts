import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, it } from "mocha";

const commandLine = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");

describe("engine-run", () => {
  it("says that there is no pulumi on PATH", async () => {
    const ended = promisify(execFile)(process.execPath, [commandLine, "engine-run", "--", "up"], {
      env: { ...process.env, PATH: "/nonexistent" },
    });
    await assert.rejects(ended, { code: 1, stderr: /^error: pulumi cannot be run: it is not on PATH$/m });
  });
});
