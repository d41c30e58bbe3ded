/**
 * Who starts servers or clients that others wrote has them built first, at the top of its module: loading a test file has no timeout, its hooks and
 * tests have. What needs none of these programs runs on a machine without Go.
 */
import { type Tool, toolPath } from "../../local/tools/tools.ts";
import { type Peer, peerPath } from "./peers.ts";

/** Builds those of the programs that are missing, and tells of it. @throws where they can't be built, e.g. without Go. */
export async function builtTools(...names: readonly Tool[]): Promise<void> {
  for (const name of names) await toolPath(name, console.log);
}

/** As {@link builtTools}, for those that only tests need. */
export async function builtPeers(...names: readonly Peer[]): Promise<void> {
  for (const name of names) await peerPath(name, console.log);
}
