/** Packages are read as the lockfile pins them, or not at all. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "mocha";
import { packageFile, readPackage } from "../../../local/seed/packages.ts";

let root: string;

describe("packages of the lockfile", () => {
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "artifacts-packages-"));
    await write("package-lock.json", {
      packages: {
        "node_modules/here": { version: "1.0.0", integrity: "sha512-AA==" },
        "node_modules/old": { version: "2.0.0", integrity: "sha512-AA==" },
        "node_modules/away": { version: "1.0.0", integrity: "sha512-AA==" },
      },
    });
    await write("node_modules/here/package.json", { version: "1.0.0", license: "MIT" });
    await write("node_modules/here/b/c.js", "c");
    await write("node_modules/here/B.js", "b");
    await write("node_modules/here/node_modules/nested/x.js", "not of the package");
    await write("node_modules/old/package.json", { version: "1.9.0" });
  });
  after(() => rm(root, { recursive: true }));

  it("reads all files of a package, sorted, without nested dependencies", async () => {
    const found = await readPackage("here", undefined, root);
    assert.deepEqual([...found.files.keys()], ["B.js", "b/c.js", "package.json"]);
    assert.deepEqual([found.version, found.license], ["1.0.0", "MIT"]);
    assert.throws(() => packageFile(found, "d.js"), /here 1\.0\.0 has no file d\.js/);
  });

  it("names a package that is not installed as pinned, and what to run", async () => {
    await assert.rejects(
      readPackage("old", undefined, root),
      /old is 1\.9\.0, package-lock\.json pins 2\.0\.0; run npm ci/,
    );
    await assert.rejects(
      readPackage("away", undefined, root),
      /away is missing, package-lock\.json pins 1\.0\.0; run npm ci/,
    );
    await assert.rejects(
      readPackage("unknown", undefined, root),
      /package-lock\.json does not pin unknown; run npm install/,
    );
  });
});

async function write(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), JSON.stringify(value));
}
