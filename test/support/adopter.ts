/** An adopter: a copy of this checkout with a config and projects of its own, and no example. */
import { execFile } from "node:child_process";
import { cp, mkdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** What a fork edits: paths below these are the adopter's, all others are upstream's. */
export const adoptersPaths: readonly string[] = ["Pulumi.prod.yaml", "manifests/", ".github/CODEOWNERS"];

/** Copies the files that git knows or would add, without those that it ignores. `node_modules` is a link to this checkout's. */
export async function copyCheckout(to: string): Promise<void> {
  const paths = await checkoutFiles();
  const folders = new Set(paths.map((path) => dirname(join(to, path))));
  await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true })));
  await Promise.all(paths.map((path) => cp(join(root, path), join(to, path), { verbatimSymlinks: true })));
  await symlink(join(root, "node_modules"), join(to, "node_modules"));
}

/** Paths of the files of this checkout as they are now, committed or not. */
async function checkoutFiles(): Promise<string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const { stdout } = await run("git", args, { cwd: root, maxBuffer: 1 << 24 });
  const paths = stdout.split("\0").filter((path) => path !== "");
  const there = await Promise.all(
    paths.map((path) =>
      stat(join(root, path)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => there[index]);
}

/**
 * Makes the edits of an adopter in a copy of the checkout: two regions of Google Cloud without AWS, in the form that `pulumi stack init` leaves a
 * stack file in (no comments, keys in another order, the secrets provider on top), one project that has promoted digests, no example project.
 */
export async function adopt(checkout: string): Promise<void> {
  await writeFile(join(checkout, "Pulumi.prod.yaml"), stringify(stackFile));
  await rm(join(checkout, "manifests"), { recursive: true });
  await mkdir(join(checkout, "manifests/mine"), { recursive: true });
  for (const [name, text] of Object.entries(project)) await writeFile(join(checkout, "manifests/mine", name), text);
  await writeFile(join(checkout, ".github/CODEOWNERS"), "/manifests/mine/ @acme/mine\n");
}

const stackFile = {
  secretsprovider: "gcpkms://projects/acme-artifacts/locations/europe/keyRings/artifacts/cryptoKeys/state",
  encryptedkey: "CiQAexampleexampleexampleexampleexampleexampleexampleexample==",
  config: {
    "gcp:project": "acme-artifacts",
    "artifacts:zoneId": "fedcba9876543210fedcba9876543210",
    "artifacts:stateKey": "projects/acme-artifacts/locations/europe/keyRings/artifacts/cryptoKeys/state",
    "artifacts:stateBucket": "acme-artifacts-state",
    "artifacts:repositoryId": "987654321",
    "artifacts:repository": "acme/artifacts",
    "artifacts:projectNumber": "210987654321",
    "artifacts:organization": "acme",
    "artifacts:githubOwners": { acme: "7654321" },
    "artifacts:gcpRegions": ["europe-west3", "us-west1"],
    "artifacts:domain": "acme.dev",
  },
};

const project: Readonly<Record<string, string>> = {
  "project.yaml":
    "description: Ours\nowners: {group: mine@acme.dev, repositories: [{name: acme/mine, id: 1296269}]}\nstaging: {images: true, files: true}\n",
  "images.yaml": `- name: server\n  dmap:\n    "sha256:${"1c".repeat(32)}": ["v1.0.0"]\n`,
  "files.yaml": `files:\n  - name: v1.0.0/server.tar.gz\n    sha256: ${"3e".repeat(16)}${"ab".repeat(16)}\n`,
};
