import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { configVariable, type RedirectorConfigInput } from "../../redirector/config.ts";
import { afterFile } from "./cleanup.ts";
import { freePort } from "./ports.ts";

/** Starts the redirector as production does, and talks to it byte by byte. */

const piece = 64 * 1024;
const root = path.join(import.meta.dirname, "../..");

/** A redirector that runs. */
export interface RunningRedirector {
  readonly port: number;
  readonly process: ChildProcess;
  /** What it wrote so far. */
  output(): string;
  /**
   * Waits until its log matches: the log gathers lines before it writes them, so a response may be there first. Throws with the output
   * after 10 seconds.
   */
  logged(pattern: RegExp): Promise<void>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

/** How to start one. */
export interface RedirectorStart {
  readonly config: RedirectorConfigInput | string;
  /** The executable; without it Bun runs the sources. */
  readonly executable?: string;
  /** File with the table of cloud ranges. */
  readonly ranges?: string;
  /** A script that runs in it before it starts. */
  readonly preload?: string;
}

/** Starts a redirector on a free port and waits until it answers. Throws with its output if it ends before. */
export async function startRedirector({
  config,
  executable,
  ranges,
  preload,
}: RedirectorStart): Promise<RunningRedirector> {
  const port = await freePort();
  const [command, args] = executable === undefined ? bun() : [executable, []];
  const child = spawn(command, args, {
    env: {
      PATH: process.env["PATH"],
      PORT: String(port),
      [configVariable]: typeof config === "string" ? config : JSON.stringify(config),
      ...(ranges === undefined ? {} : { CLOUD_RANGES: ranges }),
      ...(preload === undefined ? {} : { BUN_OPTIONS: `--preload=./${path.basename(preload)}` }),
    },
    // Bun divides its options at every blank, so the path must be one without the folders that the repository is in.
    ...(preload === undefined ? {} : { cwd: path.dirname(preload) }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  afterFile(() => child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve, reject) => child.once("close", resolve).once("error", reject));
  const deadline = Date.now() + 20_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the redirector ended with ${child.exitCode}:\n${output}`);
    if (await answers(port)) break;
    if (Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`the redirector does not answer on port ${port}:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    port,
    process: child,
    output: () => output,
    async logged(pattern) {
      for (const end = Date.now() + 10_000; !pattern.test(output); ) {
        if (Date.now() > end) throw new Error(`the redirector did not log ${pattern}:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async stop() {
      child.kill("SIGTERM");
      return await ended;
    },
  };
}

/** Runs a redirector that is expected to end at once: its exit code and output. */
export async function runRedirector(
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  const [command, args] = bun();
  const child = spawn(command, args, { env: { PATH: process.env["PATH"], ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, output };
}

function bun(): [string, string[]] {
  return [path.join(root, "node_modules/.bin/bun"), [path.join(root, "redirector/main.ts")]];
}

/** A folder of the test's own, and how to be rid of it. */
export async function scratch(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "redirector-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Unpacks a built archive as tar would; the path of its executable. Written piece by piece: of a file written at once the kernel keeps,
 * and counts as resident in whoever runs it, larger pieces.
 */
export async function unpack(archive: Uint8Array, folder: string): Promise<string> {
  for (const { header, data } of await unpackTar(gunzipSync(archive))) {
    if (header.type === "directory") await mkdir(path.join(folder, header.name), { recursive: true });
    if (data === undefined) continue;
    const file = await open(path.join(folder, header.name), "w", header.mode);
    for (let at = 0; at < data.length; at += piece) await file.write(data.subarray(at, at + piece));
    await file.close();
  }
  return path.join(folder, "redirector");
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await exchange(port, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).includes(" 200 ");
  } catch {
    return false; // not listening yet
  }
}

/** Sends bytes (latin1) and returns all that comes back until the other side closes. Rejects after `limitMs`. */
export async function exchange(port: number, bytes: string, limitMs = 10_000): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(limitMs, () => socket.destroy(new Error(`no end after ${limitMs} ms`)));
  socket.write(bytes, "latin1");
  let text = "";
  for await (const chunk of socket) text += (chunk as Buffer).toString("latin1");
  return text;
}

/** An answer as it came over the wire. */
export interface WireResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Reads one answer; throws if it is not one. */
export function readResponse(text: string): WireResponse {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
  if (end === -1 || status === undefined) throw new Error(`not an answer: ${JSON.stringify(text.slice(0, 200))}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(": ");
    const name = line.slice(0, colon).toLowerCase();
    if (colon <= 0 || headers.has(name)) throw new Error(`not a header, or twice: ${JSON.stringify(line)}`);
    headers.set(name, line.slice(colon + 2));
  }
  return { status: Number(status), headers, body: text.slice(end + 4) };
}
