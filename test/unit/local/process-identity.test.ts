import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { isAlive, startTime, stopProcesses } from "../../../local/cloud/process-identity.ts";
import { itUnless } from "../../support/annotations.ts";

/** Ends its first thread, as a killed process of many threads does for a moment, and goes on in the second one. */
const withoutFirstThread = `
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
print("started", flush=True)
ctypes.CDLL(None).pthread_exit(None)
`;

const cannot =
  process.platform !== "linux"
    ? "needs /proc"
    : spawnSync("python3", ["--version"]).status !== 0
      ? "python3 is not installed"
      : undefined;

itUnless(cannot, "a process lives until its last thread has ended: until then it holds its ports", async () => {
  const child = spawn("python3", ["-c", withoutFirstThread], { stdio: ["ignore", "pipe", "ignore"], detached: true });
  const pid = child.pid!;
  const identity = { pid, startTime: startTime(pid)! };
  await once(child.stdout, "data");
  const state = () => /\) (.) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  while (state() !== "Z") await new Promise(setImmediate);
  assert.equal(isAlive(identity), true);
  await stopProcesses([identity], 0);
  assert.equal(isAlive(identity), false);
});
