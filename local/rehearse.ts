/**
 * `npm start [-- --once] [-- --ports BASE]`: the whole system on this machine. The unchanged program, run by the real engine, on an
 * emulated cloud made of real servers, publishing real artifacts, used by clients that no one here wrote.
 */
import { spawn } from "node:child_process";
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type EmulatedCloud, startCloud } from "./cloud/cloud.ts";
import { ControlApi } from "./control-api.ts";
import { installProviders } from "./providers/install.ts";
import { recover } from "./recover.ts";
import { complain, print, say, sayCommand, seconds, step } from "./screen.ts";
import { type DemoArtifacts, makeArtifacts } from "./seed/artifacts.ts";
import type { DemoProject } from "./seed/demo-project.ts";
import { pushStaging } from "./seed/push.ts";
import { copyManifests } from "./seed/scratch-manifests.ts";
import {
  projectRoot,
  type Rehearsal,
  rehearsalFolder,
  removeRehearsal,
  writeRehearsal,
} from "./tools/rehearsal-folder.ts";
import { interruptCommands, Stack } from "./tools/stack.ts";
import { ensureTools } from "./tools/tools.ts";
import { mustBeGone, type Site, visitFile, visitImage, visitSigned } from "./visit.ts";

/** As Pulumi.local.yaml has it. */
const host = "artifacts.example.org";
/** How many loopback ports the emulated cloud may use. */
const portBlock = 60;
const defaultPorts = 5500;
/** What the demo projects' programs are asked: their version; which of two versions comes first. */
const programArguments: Readonly<Record<string, readonly string[]>> = {
  dotslash: ["--version"],
  semver: ["1.10.0", "1.9.0"],
};

const options = readOptions();
const folder = rehearsalFolder();
const onboardingFolder = join(folder, "onboarding");
/** Undone last to first, however it ends. */
const undo: (() => Promise<void>)[] = [];
/** A start that is under way gives up. */
const interrupted = new AbortController();
let settled = false;
let ending: Promise<void> | undefined;

for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(signal, () => void end(settled ? 0 : code));
}
try {
  await rehearse();
  settled = true;
  if (options.once) await end(0);
} catch (error) {
  // What fails because of an interruption is not news.
  if (ending === undefined) complain(error instanceof Error ? error.message : String(error));
  await end(1);
}

/** The main job, from nothing to the summary. Then the servers in this process keep it running. */
async function rehearse(): Promise<void> {
  const { stack, cloud } = await step("Set-up", setUp);
  const control = new ControlApi(cloud.control);

  const artifacts = await step("1. Two demo projects' artifacts, made of packages that the lockfile pins", makeDemo);

  await step(
    "2a. A pull request asks for staging areas: one project.yaml each, nothing in production yet",
    async () => {
      await stack.configure(await onboarding());
      if ((await control.stagingAreas()).length > 0) say("they were granted by an earlier start");
      else await pulumi(stack, "up", "--yes", "--skip-preview");
    },
  );
  await step("2. The projects push to their staging areas", async () => {
    const targets = await control.stagingAreas();
    const pushed = await pushStaging(artifacts, { targets, gcsEndpoint: gcsApi(cloud) }, say);
    say(`${pushed.pushed} of ${pushed.items} images and files were not there yet: ${megabytes(pushed.bytes)} sent`);
  });

  await step("2b. The digests come into the manifests by npm run promote, which reads staging", () =>
    promoteDemo(control),
  );
  await step("3. The committed manifests: preview, then up", async () => {
    await stack.configure("manifests");
    await pulumi(stack, "preview", "--diff");
    await pulumi(stack, "up", "--yes", "--skip-preview");
  });

  const site: Site = {
    base: await control.site(host),
    names: await control.names(),
    folder: join(folder, "client"),
  };
  const layers = await step(`4. Clients of ${host}, here ${site.base}`, () => visit(site, artifacts));
  await step("5. A pull request adds a digest, and another one reverts it", () =>
    change({ stack, site, artifacts, layers, control }),
  );
  summarise(site, artifacts, cloud);
}

/** Everything that must be there before the program can run. */
async function setUp(): Promise<{ stack: Stack; cloud: EmulatedCloud }> {
  const { engine } = await ensureTools(say);
  say(`Pulumi ${engine.version} (${engine.origin === "built" ? "built from its Go module" : engine.path})`);
  await buildRedirector();

  const starting = startCloud({
    dir: join(folder, "cloud"),
    ports: { base: options.ports, size: portBlock },
    signal: interrupted.signal,
  });
  // From the first moment on: a start that is given up stops what it had started.
  undo.push(() =>
    starting.then(
      (started) => started.stop(),
      () => {},
    ),
  );
  const cloud = await starting;
  for (const { purpose, pid } of cloud.leftovers)
    say(`stopped a leftover of a killed rehearsal: ${purpose}, process ${pid}`);
  for (const problem of cloud.problems) say(problem);

  const rehearsal: Rehearsal = {
    pid: process.pid,
    control: cloud.control,
    gcsEndpoint: gcsApi(cloud),
    s3Endpoint: cloud.endpoints.s3,
    awsCredentials: {
      accessKeyId: cloud.environment["AWS_ACCESS_KEY_ID"]!,
      secretAccessKey: cloud.environment["AWS_SECRET_ACCESS_KEY"]!,
    },
  };
  await writeRehearsal(folder, rehearsal);
  undo.push(() => removeRehearsal(folder));
  const stack = new Stack(folder, rehearsal);
  installProviders(stack.home);
  await stack.configure("manifests");
  await stack.ensure();
  undo.push(() => interruptCommands("SIGINT"));
  // A CLI that was killed leaves its lock; no other one can be running, since this rehearsal is the only one in its folder.
  await stack.unlock();
  await recover(stack, cloud.control);
  say(`emulated cloud: control API ${cloud.control}, data in ${relative(projectRoot, folder) || folder}/cloud`);
  return { stack, cloud };
}

/** What is deployed, for this machine; a program of its own, so run as one. Quick when nothing changed. */
async function buildRedirector(): Promise<void> {
  const { code, output } = await runScript("redirector/build.ts");
  if (code !== 0) throw new Error(`the redirector could not be built (npm run build):\n${output}`);
  say(output);
}

/** Runs a script of the project to its end. */
function runScript(path: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(projectRoot, path), ...args], { cwd: projectRoot });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk;
      });
    }
    child.once("error", failed);
    child.once("close", (code) => done({ code, output: output.trimEnd() }));
  });
}

async function makeDemo(): Promise<DemoArtifacts> {
  const made = await makeArtifacts();
  for (const { name, images, files } of made.projects) {
    const tags = images.flatMap((image) => image.releases.flatMap((release) => release.tags));
    say(`${name}: image ${images.map((image) => image.name).join(", ")} (${tags.join(", ")}), ${files.length} files`);
  }
  return made;
}

/** The manifests as they are in the projects' first pull requests: `semver` by `npm run new`, as the committed one was made. */
async function onboarding(): Promise<string> {
  const to = onboardingFolder;
  await rm(to, { recursive: true, force: true });
  await mkdir(join(to, "dotslash"), { recursive: true });
  await cp(join(projectRoot, "manifests/dotslash/project.yaml"), join(to, "dotslash/project.yaml"));
  const about = [
    ...["--owners", "semver-maintainers@example.org"],
    ...["--description", "Demo: semver, one plain image of a command for Node.js; images only"],
    ...["--contact", "https://github.com/npm/node-semver"],
  ];
  await command("new", "semver", ...about, "--manifests", to);
  return to;
}

/** What the projects' people would do next; the committed manifests must be what comes out. */
async function promoteDemo(control: ControlApi): Promise<void> {
  const targets = await control.stagingAreas();
  const staging = targets.find(({ project }) => project === "semver")?.registryUri ?? "";
  await command("promote", "semver", "semver:v7.8.6", "--staging", staging, "--manifests", onboardingFolder);
  for (const file of ["project.yaml", "images.yaml"]) {
    const [made, committed] = await Promise.all(
      [onboardingFolder, "manifests"].map(async (from) =>
        (await readFile(resolve(projectRoot, from, "semver", file), "utf8")).replaceAll(/^#.*\n/gm, ""),
      ),
    );
    if (made !== committed) throw new Error(`manifests/semver/${file} is not what the commands write:\n${made}`);
  }
  say("manifests/semver is what these commands wrote");
}

/** Runs one of the manifests' commands as a user does, its output shown. Throws when it fails. */
async function command(name: "new" | "promote", ...args: string[]): Promise<void> {
  const shown = args.map((one) => (/[\s;]/.test(one) ? `"${one}"` : one)).join(" ");
  sayCommand(`npm run ${name} -- ${shown}`);
  const ended = await runScript(`components/commands/${name}.ts`, ...args);
  say(ended.output);
  if (ended.code !== 0) throw new Error(`npm run ${name} failed with exit code ${ended.code}: see above`);
}

/** Everything that is in production is used. Returns the digests of the layers that were pulled. */
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

/** A digest is added in a scratch copy of the manifests, promoted, pulled; then the addition is reverted, and it is gone everywhere. */
async function change(on: {
  stack: Stack;
  site: Site;
  artifacts: DemoArtifacts;
  control: ControlApi;
  /** What other images in production need. */
  layers: ReadonlySet<string>;
}): Promise<void> {
  const { stack, site, control } = on;
  const { project, image, release } = nextRelease(on.artifacts);
  const repository = `${project.name}/${image}`;
  const scratch = join(folder, "manifests");
  await copyManifests(join(projectRoot, "manifests"), scratch);
  const { registryUri = "" } = (await control.stagingAreas()).find((one) => one.project === project.name) ?? {};
  await command(
    "promote",
    project.name,
    `${image}:${release.tags[0]}`,
    ...["--staging", registryUri, "--manifests", scratch],
  );
  await stack.configure(scratch);

  const preview = await pulumi(stack, "preview", "--diff");
  const added = preview.split("\n").filter((line) => /^\s*\+ .*sha256:/.test(line));
  if (added.length !== release.tags.length || !added.every((line) => line.includes(release.digest))) {
    throw new Error(
      `the preview should show exactly the added digest ${release.digest}; it shows:\n${added.join("\n")}`,
    );
  }
  await pulumi(stack, "up", "--yes", "--skip-preview");
  const pulled = await visitImage(site, `${repository}:${release.tags[0]}`, programArguments[project.name] ?? []);

  say("The pull request is reverted:");
  await copyManifests(join(projectRoot, "manifests"), scratch);
  await pulumi(stack, "up", "--yes", "--skip-preview");
  const mirrors = await control.mirrors();
  const signature = `${release.digest.replace(":", "-")}.sig`;
  for (const { region, url } of mirrors.repositories) {
    await mustBeGone(
      [release.digest, signature, ...release.tags].map((name) => `${url}/${repository}/manifests/${name}`),
    );
    say(
      `gone from the image mirror in ${region}: ${release.tags.join(", ")}, ${release.digest.slice(0, 19)}, its signature`,
    );
  }
  const unneeded = pulled.filter((digest) => !on.layers.has(digest));
  for (const { region, url } of mirrors.layers) {
    await mustBeGone(unneeded.map((digest) => `${url}/${digest}`));
    say(`gone from the S3 mirror in ${region}: ${unneeded.length} layer(s) that no other image needs`);
  }
  await stack.configure("manifests");
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
  sayCommand("npm run pulumi -- preview      # after a change in manifests/");
  if (!options.once) print("\nRunning. Ctrl-C ends it.");
}

/** Runs one command of the CLI, its output shown. Throws when it fails. */
async function pulumi(stack: Stack, ...args: string[]): Promise<string> {
  sayCommand(`pulumi ${args.join(" ")}`);
  const ended = await stack.run(args);
  if (ended.code !== 0) throw new Error(`pulumi ${args[0]} failed with exit code ${ended.code}: see above`);
  return ended.output;
}

function promoted(project: DemoProject): { image: string; tag: string } {
  for (const { name, releases } of project.images) {
    const release = releases.find((one) => one.promoted);
    if (release?.tags[0]) return { image: name, tag: release.tags[0] };
  }
  throw new Error(`demo project ${project.name} promotes no image`);
}

/** The staged image that the committed manifests do not have. */
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

/** Ends the rehearsal: stops what it started, last first, then exits. A second call waits for the first. */
function end(code: number): Promise<void> {
  interrupted.abort(new Error("interrupted"));
  ending ??= (async () => {
    for (const stop of undo.reverse()) {
      await stop().catch((error: unknown) =>
        complain(`while stopping: ${error instanceof Error ? error.message : error}`),
      );
    }
    process.exit(code);
  })();
  return ending;
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
