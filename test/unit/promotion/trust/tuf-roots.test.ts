/** Roots by TUF, from a repository that this test makes and serves on loopback. */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, beforeEach, describe, it } from "mocha";
import { canonicalJson } from "../../../../components/plugin/properties.ts";
import { publicRoots, readRoots } from "../../../../components/promotion/trust/roots.ts";
import {
  publicRepository,
  refreshedOnce,
  refreshRoots,
  type TufRepository,
} from "../../../../components/promotion/trust/tuf-roots.ts";
import { type LoopbackServer, serveOnLoopback } from "../../../support/loopback-server.ts";
import { testSigstore } from "../../../support/sigstore.ts";

describe("roots by TUF", () => {
  let server: LoopbackServer;
  let folder: string;
  let files: Map<string, Buffer>;
  let status: number;
  let repository: TufRepository;
  let trustedRoot: Buffer;
  let caches = 0;

  before(async () => {
    trustedRoot = Buffer.from((await testSigstore()).root);
    folder = await mkdtemp(join(tmpdir(), "tuf-roots-"));
    server = await serveOnLoopback((request, response) => {
      const body = files.get(request.url!.slice(1));
      response.statusCode = body ? status : 404;
      response.end(body);
    });
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  const [first, second] = [key(), key()];
  beforeEach(() => {
    status = 200;
    const bootstrap = root(1, first, [first]);
    files = new Map([["1.root.json", bootstrap]]);
    publish(1, first);
    repository = {
      url: server.url,
      bootstrap,
      cache: join(folder, String(caches++)),
      fallback: publicRoots,
    };
  });

  /** Timestamp, snapshot and targets, all of one version. */
  function publish(version: number, by: Key, expires = inDays(30), targets: Buffer = trustedRoot): void {
    const about = { version, expires, spec_version: "1.0.31" };
    const hashes = { sha256: createHash("sha256").update(trustedRoot).digest("hex") };
    const target = { length: trustedRoot.length, hashes };
    const add = (name: string, content: object) =>
      files.set(`${name}.json`, signed({ _type: name, ...about, ...content }, [by]));
    add("targets", { targets: { "trusted_root.json": target } });
    add("snapshot", { meta: { "targets.json": { version } } });
    add("timestamp", { meta: { "snapshot.json": { version } } });
    files.set("targets/trusted_root.json", targets);
  }
  const expected = () => [...readRoots(trustedRoot.toString()).logs];
  const isFresh = async () => {
    const { roots, notice } = await refreshRoots(repository);
    assert.equal(notice, undefined);
    assert.deepEqual([...roots.logs], expected());
  };
  const refused = (why: RegExp) =>
    assert.rejects(refreshRoots(repository), (error: Error) => {
      assert.match(error.message, why);
      assert.match(error.message, /^the roots of http:\S+ are refused: /);
      return true;
    });

  it("are read, and kept for the next run; nothing else is left", async () => {
    await isFresh();
    await isFresh();
    assert.deepEqual(await readdir(repository.cache), [encodeURIComponent(repository.url)]);
  });

  it("are read where the cache can be read, not written: nothing is kept, and older metadata is refused all the same", async () => {
    publish(5, first);
    await isFresh();
    await withoutWriting(repository.cache, async () => {
      publish(6, first);
      await isFresh();
      publish(4, first);
      await refused(/version 4 is less than current version 5/);
    });
  });

  it("what was refused is asked for again after a minute, what was had is not", async () => {
    publish(1, first, inDays(-1));
    let now = 0;
    let asked = 0;
    const roots = refreshedOnce(
      () => {
        asked++;
        return repository;
      },
      () => now,
    );
    await assert.rejects(roots(), /are refused: /);
    publish(2, first);
    now = 59_999;
    for (let digest = 0; digest < 100; digest++) await assert.rejects(roots(), /are refused: /);
    assert.equal(asked, 1);
    now = 60_000;
    const had = await roots();
    assert.deepEqual([...had.roots.logs], expected());
    files.clear();
    now = 1e9;
    assert.equal(await roots(), had);
    assert.equal(asked, 2);
  });

  it("a rotation of the root's key that the old key signed is followed, by a run that has a cache and by one that begins anew", async () => {
    await isFresh();
    files.set("2.root.json", root(2, second, [first, second]));
    publish(2, second);
    await isFresh();
    repository = { ...repository, cache: join(folder, String(caches++)) };
    await isFresh();
  });

  it("a root that the old key did not sign is refused, and leaves nothing in the cache", async () => {
    await isFresh();
    files.set("2.root.json", root(2, second, [second]));
    publish(2, second);
    await refused(/root/);
    files.delete("2.root.json");
    publish(3, first);
    await isFresh();
  });

  it("an expired timestamp is refused, with what it may mean", async () => {
    publish(1, first, inDays(-1));
    await refused(/timestamp.json is expired. Its operators have not renewed them, or somebody holds newer ones back/);
  });

  it("an expired root is refused", async () => {
    files.set("2.root.json", root(2, first, [first], inDays(-1)));
    await refused(/root.json is expired/);
  });

  it("older metadata than what was seen before is refused", async () => {
    publish(5, first);
    await isFresh();
    publish(4, first);
    await refused(/version 4 is less than current version 5/);
  });

  it("metadata that another key signed is refused", async () => {
    publish(1, second);
    await refused(/timestamp/);
  });

  it("a trusted root that is not the one that was signed is refused", async () => {
    publish(1, first, inDays(30), Buffer.from(trustedRoot.toString().replace(/./, " ")));
    await refused(/trusted_root|target/);
  });

  it("while it cannot be reached, those of the last refresh are used, and without any those of the package; both say so", async () => {
    await isFresh();
    status = 503;
    const cached = await refreshRoots(repository);
    assert.deepEqual([...cached.roots.logs], expected());
    assert.match(cached.notice!, /could not be refreshed: .*Those of the last refresh are used/);

    const none = await refreshRoots({ ...repository, cache: join(folder, "none") });
    assert.equal(none.roots, publicRoots());
    assert.match(none.notice!, /could not be refreshed: .*Those of the installed package are used/);

    const closed = await refreshRoots({ ...repository, url: "http://127.0.0.1:1", cache: join(folder, "closed") });
    assert.match(closed.notice!, /fetch failed.*Those of the installed package/);
  });

  it("begin for the public instance with the root that is pinned here", () => {
    const { signed: content } = JSON.parse(publicRepository().bootstrap.toString()) as { signed: { _type: string } };
    assert.equal(content._type, "root");
  });
});

/** Root may write everywhere: it becomes nobody for the time. */
async function withoutWriting(folder: string, work: () => Promise<void>): Promise<void> {
  const isRoot = process.getuid!() === 0;
  await chmod(dirname(folder), 0o755);
  await chmod(folder, 0o555);
  if (isRoot) process.seteuid!(65_534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid!(0);
    await chmod(folder, 0o755);
  }
}

interface Key {
  readonly id: string;
  readonly json: object;
  readonly key: KeyObject;
}

function key(): Key {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const hex = publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("hex");
  const json = { keytype: "ed25519", scheme: "ed25519", keyval: { public: hex } };
  return { id: createHash("sha256").update(canonicalJson(json)!).digest("hex"), json, key: privateKey };
}

/** A root whose roles all have one key. */
function root(version: number, of: Key, by: readonly Key[], expires = inDays(30)): Buffer {
  const role = { keyids: [of.id], threshold: 1 };
  const roles = { root: role, timestamp: role, snapshot: role, targets: role };
  const keys = { [of.id]: of.json };
  const content = { _type: "root", spec_version: "1.0.31", version, expires, keys, roles, consistent_snapshot: false };
  return signed(content, by);
}

function signed(content: object, by: readonly Key[]): Buffer {
  const bytes = Buffer.from(canonicalJson(content)!);
  const signatures = by.map(({ id, key: secret }) => ({ keyid: id, sig: sign(null, bytes, secret).toString("hex") }));
  return Buffer.from(JSON.stringify({ signed: content, signatures }));
}

function inDays(days: number): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19)}Z`;
}
