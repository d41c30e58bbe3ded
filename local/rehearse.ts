/**
 * `npm start [-- --once] [-- --ports BASE]`: rehearses the whole system on this machine. The real Pulumi engine runs the unchanged program
 * against an emulated cloud made of real servers. It publishes real artifacts, which independent clients then pull.
 */
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EmulatedCloud } from "./cloud/cloud.ts";
import { ControlApi } from "./control-api.ts";
import { print, say, sayCommand, seconds, step } from "./screen.ts";
import { type DemoArtifacts, makeArtifacts } from "./seed/artifacts.ts";
import { demoManifestsFolder } from "./seed/demo-manifests.ts";
import type { DemoProject } from "./seed/demo-project.ts";
import { pushStaging } from "./seed/push.ts";
import { copyManifests } from "./seed/scratch-manifests.ts";
import { pulumi, runScript, Session } from "./session.ts";
import { rehearsalFolder } from "./tools/rehearsal-folder.ts";
import type { Stack } from "./tools/stack.ts";
import { expectNotFound, type Site, visitFile, visitImage, visitSigned } from "./visit.ts";

/** The host name in Pulumi.local.yaml. */
const host = "artifacts.example.org";
/** How many loopback ports the emulated cloud may use. */
const portBlock = 60;
const defaultPorts = 5500;
/** Arguments for the demo projects' programs: print the version; sort two versions. */
const programArguments: Readonly<Record<string, readonly string[]>> = {
  dotslash: ["--version"],
  semver: ["1.10.0", "1.9.0"],
};

const options = readOptions();
const folder = rehearsalFolder();
const onboardingFolder = join(folder, "onboarding");

const session = new Session({ folder, ports: { base: options.ports, size: portBlock } });
await session.run(rehearse, { once: options.once });

/** All steps from set-up to the summary. Afterwards the servers in this process keep it alive. */
async function rehearse(): Promise<void> {
  const { stack, cloud } = await step("Set-up", () => session.setUp());
  const control = new ControlApi(cloud.control);

  const artifacts = await step("1. Build two demo projects' artifacts from packages that the lockfile pins", makeDemo);

  await step("2a. A pull request adds two projects: staging areas only, nothing in production yet", async () => {
    await stack.configure(await onboarding());
    if ((await control.stagingAreas()).length > 0) say("an earlier start created them");
    else await pulumi(stack, "up", "--yes", "--skip-preview");
  });
  await step("2b. The projects push to their staging areas", async () => {
    const targets = await control.stagingAreas();
    const pushed = await pushStaging(artifacts, { targets, gcsEndpoint: gcsApi(cloud) }, say);
    say(`${pushed.pushed} of ${pushed.items} images and files were missing: ${megabytes(pushed.bytes)} sent`);
  });

  await step("2c. npm run promote reads staging and writes the digests into the manifests", () => promoteDemo(control));
  await step("3. Promote the committed manifests: preview, then up", async () => {
    await stack.configure(demoManifestsFolder);
    await pulumi(stack, "preview", "--diff");
    await pulumi(stack, "up", "--yes", "--skip-preview");
  });

  const site: Site = {
    base: await control.site(host),
    names: await control.names(),
    folder: join(folder, "client"),
  };
  const layers = await step(`4. Clients pull from ${host}, here ${site.base}`, () => visit(site, artifacts));
  await step("5. A pull request adds a digest, another one reverts it", () =>
    change({ stack, site, artifacts, layers, control }),
  );
  summarise(site, artifacts, cloud);
}

async function makeDemo(): Promise<DemoArtifacts> {
  const made = await makeArtifacts();
  for (const { name, images, files } of made.projects) {
    const tags = images.flatMap((image) => image.releases.flatMap((release) => release.tags));
    say(`${name}: image ${images.map((image) => image.name).join(", ")} (${tags.join(", ")}), ${files.length} files`);
  }
  return made;
}

/** The manifests of the projects' first pull requests. `npm run new` writes the one of `semver`, as it wrote the committed one. */
async function onboarding(): Promise<string> {
  const to = onboardingFolder;
  await rm(to, { recursive: true, force: true });
  await mkdir(join(to, "dotslash"), { recursive: true });
  await cp(join(demoManifestsFolder, "dotslash/project.yaml"), join(to, "dotslash/project.yaml"));
  const about = [
    ...["--owners", "semver-maintainers@example.org"],
    ...["--description", "Demo: semver, one plain image of a command for Node.js; images only"],
    ...["--contact", "https://github.com/npm/node-semver"],
  ];
  await command("new", "semver", ...about, "--manifests", to);
  return to;
}

/** Promotes as a project's maintainers do. The result must equal the committed manifests. */
async function promoteDemo(control: ControlApi): Promise<void> {
  const targets = await control.stagingAreas();
  const staging = targets.find(({ project }) => project === "semver")?.registryUri ?? "";
  await command("promote", "semver", "semver:v7.8.6", "--staging", staging, "--manifests", onboardingFolder);
  for (const file of ["project.yaml", "images.yaml"]) {
    const [made, committed] = await Promise.all(
      [onboardingFolder, demoManifestsFolder].map(async (from) =>
        (await readFile(join(from, "semver", file), "utf8")).replaceAll(/^#.*\n/gm, ""),
      ),
    );
    if (made !== committed)
      throw new Error(`local/seed/manifests/semver/${file} differs from what the commands write:\n${made}`);
  }
  say("the result equals the committed local/seed/manifests/semver");
}

/** Runs one of the manifests' commands as a user does and prints its output. Throws when it fails. */
async function command(name: "new" | "promote", ...args: string[]): Promise<void> {
  const shown = args.map((one) => (/[\s;]/.test(one) ? `"${one}"` : one)).join(" ");
  sayCommand(`npm run ${name} -- ${shown}`);
  const ended = await runScript("components/commands/artifacts.mjs", name, ...args);
  say(ended.output.trimEnd());
  if (ended.code !== 0) throw new Error(`npm run ${name} failed with exit code ${ended.code}: see above`);
}

/** Pulls everything that is in production. Returns the digests of the pulled layers. */
async function visit(site: Site, artifacts: DemoArtifacts): Promise<ReadonlySet<string>> {
  const layers = new Set<string>();
  for (const project of artifacts.projects) {
    const { image, tag } = promoted(project);
    const pulled = await visitImage(site, `${project.name}/${image}:${tag}`, programArguments[project.name] ?? []);
    for (const digest of pulled) layers.add(digest);
    await visitSigned(site, `${project.name}/${image}`, tag);
    const file = project.files.find((one) => one.promoted && !one.path.endsWith(".sha256"));
    if (file) await visitFile(site, `${project.name}/${file.path}`, file.sha256);
  }
  return layers;
}

/** Adds a digest in a scratch copy of the manifests, promotes and pulls it, reverts the change, and checks that every mirror removed it. */
async function change(on: {
  stack: Stack;
  site: Site;
  artifacts: DemoArtifacts;
  control: ControlApi;
  /** Layers of the other images in production. */
  layers: ReadonlySet<string>;
}): Promise<void> {
  const { stack, site, control } = on;
  const { project, image, release } = nextRelease(on.artifacts);
  const repository = `${project.name}/${image}`;
  const scratch = join(folder, "manifests");
  await copyManifests(demoManifestsFolder, scratch);
  const { registryUri = "" } = (await control.stagingAreas()).find((one) => one.project === project.name) ?? {};
  await command(
    "promote",
    project.name,
    `${image}:${release.tags[0]}`,
    ...["--staging", registryUri, "--manifests", scratch],
  );
  await stack.configure(scratch);

  const preview = await pulumi(stack, "preview", "--diff");
  const added = preview.split("\n").filter((line) => /^\s*\+ +[\w./-]+:\S+ sha256:/.test(line));
  if (added.length !== release.tags.length || !added.every((line) => line.includes(release.digest))) {
    throw new Error(
      `the preview should show exactly the added digest ${release.digest}; it shows:\n${added.join("\n")}`,
    );
  }
  await pulumi(stack, "up", "--yes", "--skip-preview");
  const pulled = await visitImage(site, `${repository}:${release.tags[0]}`, programArguments[project.name] ?? []);

  say("Revert the pull request:");
  await copyManifests(demoManifestsFolder, scratch);
  await pulumi(stack, "up", "--yes", "--skip-preview");
  const mirrors = await control.mirrors();
  const signature = `${release.digest.replace(":", "-")}.sig`;
  for (const { region, url } of mirrors.repositories) {
    await expectNotFound(
      [release.digest, signature, ...release.tags].map((name) => `${url}/${repository}/manifests/${name}`),
    );
    say(
      `removed from the image mirror in ${region}: ${release.tags.join(", ")}, ${release.digest.slice(0, 19)}, its signature`,
    );
  }
  const unneeded = pulled.filter((digest) => !on.layers.has(digest));
  for (const { region, url } of mirrors.layers) {
    await expectNotFound(unneeded.map((digest) => `${url}/${digest}`));
    say(`removed from the S3 mirror in ${region}: ${unneeded.length} layer(s) that no other image needs`);
  }
  await stack.configure(demoManifestsFolder);
}

function summarise(site: Site, artifacts: DemoArtifacts, cloud: EmulatedCloud): void {
  const [project] = artifacts.projects as [DemoProject];
  const { image, tag } = promoted(project);
  const file = project.files.find((one) => one.promoted)!;
  const address = new URL(site.base).host;
  print(`\n== Done in ${seconds()}\n`);
  print(`${host}:     ${site.base}   (load balancer; redirectors in ${redirectorRegions(site)})`);
  print(`${"catalogue:".padEnd(26)} ${site.base}/        (the same address, in a browser)`);
  for (const [at, name] of site.names) {
    if (!name.startsWith("redirect")) print(`${`${name}:`.padEnd(26)} http://${at}`);
  }
  print(`cloud inventory:           ${cloud.control}/v1/resources`);
  print("\nTry, in another terminal:");
  sayCommand(`curl -sL ${site.base}/binaries/${project.name}/${file.path} | sha256sum`);
  sayCommand(`curl -si ${site.base}/v2/${project.name}/${image}/manifests/${tag}`);
  sayCommand(`crane manifest ${address}/${project.name}/${image}:${tag}`);
  sayCommand(`docker pull ${address}/${project.name}/${image}:${tag}`);
  sayCommand("npm run pulumi -- preview      # after a change in local/seed/manifests/");
  if (!options.once) print("\nRunning. Press Ctrl-C to stop.");
}

function promoted(project: DemoProject): { image: string; tag: string } {
  for (const { name, releases } of project.images) {
    const release = releases.find((one) => one.promoted);
    if (release?.tags[0]) return { image: name, tag: release.tags[0] };
  }
  throw new Error(`demo project ${project.name} promotes no image`);
}

/** A staged image that the committed manifests do not promote. */
function nextRelease({ projects }: DemoArtifacts): {
  project: DemoProject;
  image: string;
  release: { digest: string; tags: readonly string[] };
} {
  for (const project of projects) {
    for (const { name, releases } of project.images) {
      const release = releases.find((one) => !one.promoted);
      if (release) return { project, image: name, release };
    }
  }
  throw new Error("no demo project has a staged image that is not promoted");
}

function gcsApi(cloud: EmulatedCloud): string {
  return `${cloud.endpoints.gcs}/storage/v1/`;
}

function redirectorRegions({ names }: Site): string {
  return [...names.values()]
    .flatMap((name) => (name === "registry us" ? [] : (name.match(/^registry (.+)/)?.[1] ?? [])))
    .join(", ");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function readOptions(): { once: boolean; ports: number } {
  const usage = "usage: npm start [-- --once] [-- --ports BASE]";
  try {
    const { values } = parseArgs({ options: { once: { type: "boolean" }, ports: { type: "string" } } });
    const ports = Number(values.ports ?? process.env["ARTIFACTS_PORTS"] ?? defaultPorts);
    if (!Number.isInteger(ports) || ports < 1024 || ports > 65_535 - portBlock) {
      throw new Error(`--ports is the first of ${portBlock} ports: a number from 1024 to ${65_535 - portBlock}`);
    }
    return { once: values.once ?? false, ports };
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}
