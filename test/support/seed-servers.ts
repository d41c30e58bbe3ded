/** Real servers for the tests of the seed and the clients: a registry and a Cloud Storage, on free ports, with their own folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolPath } from "../../local/tools/tools.ts";
import { afterFile } from "./cleanup.ts";
import { freePort } from "./ports.ts";
import { builtTools } from "./programs.ts";

await builtTools("olareg", "fake-gcs-server");

/** Running servers. */
export interface SeedServers {
  /** `127.0.0.1:<port>` */
  readonly registry: string;
  /** e.g. `http://127.0.0.1:5514` */
  readonly gcs: string;
  /** A folder for the test's own use. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Starts olareg and fake-gcs-server; resolves when both answer. */
export async function startSeedServers(): Promise<SeedServers> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-seed-"));
  const [registryPort, gcsPort] = [await freePort(), await freePort()];
  const gcs = `http://127.0.0.1:${gcsPort}`;
  const host = ["--addr", "127.0.0.1", "--port", `${registryPort}`];
  const children = [
    spawn(await toolPath("olareg"), ["serve", ...host, "--dir", join(folder, "registry"), "--api-delete"], {
      stdio: "ignore",
    }),
    spawn(
      await toolPath("fake-gcs-server"),
      ["-scheme", "http", "-host", "127.0.0.1", "-port", `${gcsPort}`, "-public-host", `127.0.0.1:${gcsPort}`].concat([
        "-external-url",
        gcs,
        "-backend",
        "memory",
        "-log-level",
        "error",
      ]),
      { stdio: "ignore" },
    ),
  ];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  afterFile(stop);
  try {
    await answers(`http://127.0.0.1:${registryPort}/v2/`);
    await answers(`${gcs}/_internal/healthcheck`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { registry: `127.0.0.1:${registryPort}`, gcs, folder, stop };
}

/** Stops a process; resolves when it has ended. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** Waits until a URL answers with 2xx, or one of these statuses. Throws after 20 seconds. */
export async function answers(url: string, statuses: readonly number[] = []): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    await response?.arrayBuffer();
    if (response && (response.ok || statuses.includes(response.status))) return;
    if (Date.now() > deadline) throw new Error(`${url} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
