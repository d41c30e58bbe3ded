/**
 * Ends a test file that hangs where mocha's own timeouts cannot: in a loop that never yields. A thread of its own kills the process, and mocha
 * reports the file as failed.
 */
import { Worker } from "node:worker_threads";

/** The longest file (the whole rehearsal, cold) takes a few minutes, beside other loads ten times as many; 20 kills (`npm run drills`) some more. */
const minutes = process.env["ARTIFACTS_KILLS"] ? 90 : 60;

const program = `
const { parentPort } = require("node:worker_threads");
const { writeSync } = require("node:fs");
let timer;
parentPort.on("message", ({ file, minutes }) => {
  clearTimeout(timer);
  if (file === undefined) return;
  timer = setTimeout(() => {
    writeSync(2, "error: " + file + " did not end within " + minutes + " minutes\\n");
    process.kill(process.pid, "SIGKILL");
  }, minutes * 60_000);
});
`;

let thread: Worker | undefined;

/** Gives this file its time, from now on; undefined: no file is running. */
export function watchFile(file: string | undefined): void {
  if (thread === undefined) {
    thread = new Worker(program, { eval: true });
    thread.unref();
  }
  thread.postMessage({ file, minutes });
}
