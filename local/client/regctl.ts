/** Copies an image with regctl, as an independent client. */
import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { toolPath } from "../tools/tools.ts";

/** The result of a copy. */
export interface RegctlCopy {
  readonly digest: string;
  /** Folder with an OCI image layout: the image with all platforms, its signature tags and its referrers. */
  readonly layout: string;
  /** The tags in the layout, sorted. */
  readonly tags: readonly string[];
  /** Hosts in regctl's own log, in order of the first request. */
  readonly hosts: readonly string[];
}

/**
 * Copies an image with everything attached to it from the service at `base` into `<folder>/layout`. regctl verifies every digest.
 * Throws with regctl's own message.
 */
export async function regctlCopy(base: string, reference: string, folder: string): Promise<RegctlCopy> {
  const { host, protocol } = new URL(base);
  const layout = join(folder, "layout");
  await rm(layout, { recursive: true, force: true });
  await mkdir(layout, { recursive: true });
  const run = async (args: readonly string[]): Promise<{ stdout: string; stderr: string }> => {
    const global = protocol === "http:" ? ["--host", `reg=${host},tls=disabled`] : [];
    const env = { ...process.env, REGCTL_CONFIG: join(folder, "regctl.json") }; // not the user's own
    return promisify(execFile)(await toolPath("regctl"), [...global, ...args], { env, timeout: 120_000 });
  };
  const target = `ocidir://${layout}:pulled`;
  const copied = await run([
    "-v",
    "trace",
    "image",
    "copy",
    "--referrers",
    "--digest-tags",
    `${host}/${reference}`,
    target,
  ]);
  const [{ stdout: digest }, { stdout: tags }] = [
    await run(["image", "digest", target]),
    await run(["tag", "ls", `ocidir://${layout}`]),
  ];
  return {
    digest: digest.trim(),
    layout,
    tags: tags.split("\n").filter(Boolean).sort(),
    hosts: hostsIn(copied.stderr),
  };
}

function hostsIn(log: string): string[] {
  return [...new Set([...log.matchAll(/https?:\/\/([^/"\s\\]+)/g)].map((found) => found[1]!))];
}
