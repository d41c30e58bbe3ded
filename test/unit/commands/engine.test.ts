/** The engine and the plugins are installed by hashes that the repository keeps: by the real commands, from a server on loopback. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { packTar } from "modern-tar";
import { engineArchives, engineHashes } from "../../../components/commands/engine-archives.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { type LoopbackServer, serveOnLoopback } from "../../support/loopback-server.ts";

const artifacts = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");
const platform = `${process.platform}-${process.arch}`;

describe("the engine by its hashes", () => {
  const served = new Map<string, Buffer>();
  let server: LoopbackServer;
  let folder: string;
  before(async () => {
    server = await serveOnLoopback(({ url = "" }, response) => {
      const bytes = served.get(url.slice(1));
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    });
  });
  after(() => server.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "engine-"));
    served.clear();
    // Stands for the CLI: notes how it is called, and what it is given.
    const cli = `#!/bin/sh\nprintf '%s\\n' "$*" >> "${folder}/calls"\n`;
    for (const each of ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"])
      for (const { file, path, provider } of engineArchives(each))
        served.set(path, await archive(provider === undefined ? { "pulumi/pulumi": cli } : { [file]: file }));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = async (...args: string[]) => {
    const from = server.url;
    return await new Promise<{ code: number; said: string }>((resolve) => {
      execFile(process.execPath, [artifacts, ...args, "--from", from], { cwd: folder }, (error, out, err) =>
        resolve({ code: typeof error?.code === "number" ? error.code : 0, said: out + err }),
      );
    });
  };
  const calls = () => readFile(join(folder, "calls"), "utf8").catch(() => "");

  it("names the archives by the versions of package.json", () => {
    const { "@pulumi/pulumi": cli, "@pulumi/gcp": gcp } = packageJson.dependencies;
    const [engine, plugin] = engineArchives("linux-x64");
    assert.equal(engine?.path, `sdk/pulumi-v${cli}-linux-x64.tar.gz`);
    assert.equal(plugin?.path, `plugins/pulumi-resource-gcp-v${gcp}-linux-amd64.tar.gz`);
  });

  it("pins what is published, and installs what is pinned", async () => {
    const pinned = await run("engine-pin");
    assert.equal(pinned.code, 0, pinned.said);
    assert.equal(engineHashes(await readFile(join(folder, "engine.sha256"), "utf8")).size, 16);
    const installed = await run("engine-install", "--to", "bin");
    assert.equal(installed.code, 0, installed.said);
    const plugins = engineArchives(platform).slice(1);
    const words = (await calls()).trim().split("\n");
    assert.deepEqual(
      words.map((line) => line.replace(/--file \S*\//, "--file ")),
      plugins.map(
        ({ provider, version, file }) => `plugin install resource ${provider} ${version} --file ${file} --reinstall`,
      ),
    );
    assert.equal((await run("engine-pin")).code, 0, "again");
  });

  it("an archive of other bytes is refused before anything is unpacked, by both", async () => {
    assert.equal((await run("engine-pin")).code, 0);
    for (const { path, file } of engineArchives(platform).slice(0, 2)) {
      const good = served.get(path)!;
      served.set(path, await archive({ "pulumi/pulumi": "#!/bin/sh\necho tampered\n" }));
      for (const command of [["engine-install", "--to", "bin"], ["engine-pin"]]) {
        const { code, said } = await run(...command);
        assert.equal(code, 1);
        assert.match(
          said,
          new RegExp(`^error: ${file}: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64} as engine\\.sha256 names`, "m"),
        );
      }
      served.set(path, good);
    }
    await assert.rejects(readFile(join(folder, "bin/pulumi")), /ENOENT/);
    assert.equal(await calls(), "");
  });

  it("an archive without a hash is not downloaded, and one that is not there is named", async () => {
    await mkdir(join(folder, "bin"));
    const none = await run("engine-install", "--to", "bin");
    assert.equal(none.code, 1);
    assert.match(
      none.said,
      /^error: engine\.sha256 has no hash of pulumi-v\S+, pulumi-resource-gcp\S+, .*: npx artifacts engine-pin adds them/,
    );
    assert.equal((await run("engine-pin")).code, 0);
    await writeFile(
      join(folder, "engine.sha256"),
      (await readFile(join(folder, "engine.sha256"), "utf8")).toUpperCase(),
    );
    assert.match((await run("engine-install", "--to", "bin")).said, /has no hash of/);
    served.clear();
    assert.match((await run("engine-pin")).said, /^error: http\S+: HTTP 404/);
  });
});

function archive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const entries = Object.entries(files).map(([name, body]) => ({
    header: { name, size: Buffer.byteLength(body), mode: 0o755 },
    body,
  }));
  return packTar(entries).then((tar) => gzipSync(tar));
}
