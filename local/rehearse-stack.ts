/**
 * `npm run rehearse -- [--stack NAME] [--once] [--html FILE]`: rehearses an organisation on the emulated clouds: its config, its manifests, nothing of
 * the demo, no credentials. Every resource is made; each project pushes an artifact to its staging area, which goes to every mirror, is pulled from
 * three continents, and is removed again. Ends with a page about all of it.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { downloadFile } from "./client/download-file.ts";
import { type Hop, way } from "./client/follow.ts";
import { pullImage } from "./client/pull-image.ts";
import { handEnteredType } from "./cloud/dns.ts";
import { ControlApi } from "./control-api.ts";
import { print, say, seconds, step } from "./screen.ts";
import { demoManifests } from "./seed/demo-manifests.ts";
import type { DemoProject } from "./seed/demo-project.ts";
import { pushStaging } from "./seed/push.ts";
import { pulumi, runScript, Session } from "./session.ts";
import { makeRehearsed, rehearsedName, rehearsedVersion } from "./stack/artifacts.ts";
import { countsByKind, deployedResources, rightsGranted } from "./stack/deployed.ts";
import { htmlPage } from "./stack/html-page.ts";
import type { CostTable, RehearsalPage, RehearsedRow, Steps } from "./stack/page.ts";
import { type RehearsedProject, readProjects } from "./stack/projects.ts";
import { textPage } from "./stack/text-page.ts";
import { projectRoot, readRehearsal, stackRehearsalFolder } from "./tools/rehearsal-folder.ts";
import type { Stack } from "./tools/stack.ts";
import { expectNotFound } from "./visit.ts";

/** Clients on three continents, as values of the emulated load balancer's header. */
const clients = { "New York": "40.71,-74.01", Berlin: "52.52,13.40", Tokyo: "35.68,139.69" };
/** How many loopback ports the emulated cloud may use: enough for all regions of both clouds. */
const portBlock = 200;
const defaultPorts = 5600;

const options = readOptions();
const folder = stackRehearsalFolder(options.stack);
const manifests = join(folder, "manifests");

const session = new Session({
  folder,
  ports: { base: options.ports, size: portBlock },
  source: { name: options.stack, file: options.file },
});
await session.run(rehearse, { once: options.once });

async function rehearse(): Promise<void> {
  if ((await readRehearsal(folder)) !== undefined)
    throw new Error(`a rehearsal of stack ${options.stack} runs already in ${folder}: stop it first`);
  const settings = await step("Check config and manifests", check);
  const projects = await readProjects(resolve(projectRoot, settings.manifests));
  if (projects.length === 0) throw new Error(`${settings.manifests} has no project: npm run new writes one`);
  const steps = await firstSteps();
  await rm(folder, { recursive: true, force: true }); // every resource is made anew
  await mkdir(manifests, { recursive: true });
  const made = new Map(await Promise.all(projects.map(async (one) => [one.name, await makeRehearsed(one)] as const)));

  const { stack, cloud } = await step("Set-up", () => session.setUp());
  const control = new ControlApi(cloud.control);
  await step("1. Everything is made; nothing is in production", async () => {
    if (settings.stateBucket !== "") await makeStateBucket(control, settings);
    await declareProjects(projects, made, "nothing");
    await stack.configure(manifests);
    await pulumi(stack, "up", "--yes", "--skip-preview", "--suppress-outputs");
    if (settings.dns === "none") await enterRecords(stack, control);
  });
  const areas = await control.stagingAreas();
  const targets = projects.flatMap(({ name, stagingProject }) =>
    areas.filter(({ project }) => project === stagingProject).map((area) => ({ ...area, project: name })),
  );
  await step("2. Each project pushes an artifact to its staging area", async () => {
    const artifacts = { projects: [...made.values()] };
    await pushStaging(artifacts, { targets, gcsEndpoint: `${cloud.endpoints.gcs}/storage/v1/` }, say);
  });
  await step("3. The artifacts go to every mirror", async () => {
    await declareProjects(projects, made, "everything");
    await pulumi(stack, "up", "--yes", "--skip-preview", "--suppress-outputs");
  });
  const site = await control.site(settings.host);
  const names = await control.names();
  const rows = await step(`4. Clients on three continents pull from ${settings.host}, here ${site}`, () =>
    pullAll({ control, site, names, projects, made }),
  );
  const resources = deployedResources((await stack.run(["stack", "export"], { quiet: true })).output);
  await step("5. The artifacts are removed from every mirror", async () => {
    await declareProjects(projects, made, "nothing");
    await pulumi(stack, "up", "--yes", "--skip-preview", "--suppress-outputs");
    for (const urls of (await mirrorUrls(control, projects, made)).values()) await expectNotFound(urls);
  });
  const page: RehearsalPage = {
    stack: options.stack,
    file: relative(projectRoot, options.file),
    organization: settings.organization,
    kinds: countsByKind(resources),
    rights: rightsGranted(resources),
    hosts: settings.hosts,
    records: (await control.records()).map(({ name, type, content }) => `${name}  ${type}  ${content}`),
    enteredByHand: settings.dns === "none",
    staging: areas.map(({ project, registryUri, bucket }) => ({
      project,
      registry: registryUri === undefined ? undefined : stagingRegistry(resources, project),
      bucket: bucket === undefined ? undefined : `gs://${bucket}`,
    })),
    rehearsed: rows,
    notRehearsed: projects.filter(({ promoted }) => promoted.length > 0),
    steps,
    cost: await cost(),
  };
  print(`\n${textPage(page)}`);
  if (options.html !== undefined) {
    await writeFile(options.html, htmlPage(page));
    print(`\nThe same as a page: ${options.html}`);
  }
  print(`\n== Done in ${seconds()}`);
  if (!options.once) print(`\nnpm run pulumi -- preview --stack ${options.stack}\n\nRunning. Press Ctrl-C to stop.`);
}

interface Settings {
  readonly organization: string;
  readonly host: string;
  readonly hosts: readonly string[];
  readonly dns: string;
  readonly manifests: string;
  readonly project: string;
  readonly stateBucket: string;
}

/** Checks config and manifests with the project's own command. Throws with all mistakes. */
async function check(): Promise<Settings> {
  const { config } = parse(await readFile(options.file, "utf8")) as { config?: Record<string, unknown> };
  const text = (key: string, fallback = ""): string => String(config?.[key] ?? fallback);
  const folderOf = text("artifacts:manifests", "manifests");
  const checked = await runScript(
    "components/commands/artifacts.mjs",
    "check",
    resolve(projectRoot, folderOf),
    ...["--config-file", options.file],
  );
  say(checked.output.trimEnd());
  if (checked.code !== 0)
    throw new Error(`${relative(projectRoot, options.file)} or its manifests have mistakes: see above`);
  const host = `artifacts.${text("artifacts:domain")}`;
  const vanity = text("artifacts:vanityHost");
  return {
    organization: text("artifacts:organization"),
    host,
    hosts: vanity === "" ? [host] : [host, vanity],
    dns: text("artifacts:dns", "cloudflare"),
    manifests: folderOf,
    project: text("gcp:project"),
    stateBucket: text("artifacts:stateBucket"),
  };
}

async function firstSteps(): Promise<Steps> {
  const told = await runScript(
    "components/commands/artifacts.mjs",
    "steps",
    ...["--stack", options.stack, "--config-file", options.file, "--json"],
  );
  if (told.code !== 0) throw new Error(told.output);
  return JSON.parse(told.output) as Steps;
}

/** What `npm run cost` says of the stack. */
async function cost(): Promise<CostTable> {
  const told = await runScript("components/commands/artifacts.mjs", "cost", "--config-file", options.file, "--json");
  if (told.code !== 0) throw new Error(told.output);
  return (JSON.parse(told.output) as { table: CostTable }).table;
}

/** The bucket of the state, which `npm run bootstrap` makes before the program runs. */
async function makeStateBucket(control: ControlApi, { project, stateBucket: name }: Settings): Promise<void> {
  await control.create("gcp:storage/bucket:Bucket", name, { project, name, location: "US" });
}

/** Enters the records that the stack lists, as a person does in a zone of their own. */
async function enterRecords(stack: Stack, control: ControlApi): Promise<void> {
  const { code, output } = await stack.run(["stack", "output", "dnsRecords", "--json"], { quiet: true });
  if (code !== 0) throw new Error(`pulumi stack output dnsRecords failed:\n${output}`);
  for (const line of JSON.parse(output) as string[]) {
    const [, name = "", type = "", content = ""] = /^(\S+) \d+ IN (\S+) (.*)$/.exec(line) ?? [];
    await control.create(handEnteredType, line, { name, type, content });
    say(`entered by hand: ${line}`);
  }
}

/** Writes the manifests of the rehearsal: who may push and where things go as in the organisation's own, and the rehearsed artifacts or nothing. */
async function declareProjects(
  projects: readonly RehearsedProject[],
  made: ReadonlyMap<string, DemoProject>,
  promoted: "nothing" | "everything",
): Promise<void> {
  for (const { name, declaration } of projects) {
    await mkdir(join(manifests, name), { recursive: true });
    await writeFile(join(manifests, name, "project.yaml"), declaration);
  }
  for (const [path, text] of demoManifests({ projects: [...made.values()] })) {
    await writeFile(join(manifests, path), promoted === "everything" ? text : "");
  }
}

/** The URLs of the rehearsed artifacts in every mirror, by region. */
async function mirrorUrls(
  control: ControlApi,
  projects: readonly RehearsedProject[],
  made: ReadonlyMap<string, DemoProject>,
): Promise<Map<string, string[]>> {
  const [{ repositories }, buckets] = await Promise.all([control.mirrors(), control.fileMirrors()]);
  const urls = new Map<string, string[]>();
  const add = (region: string, url: string): void => void urls.set(region, [...(urls.get(region) ?? []), url]);
  for (const project of projects) {
    if (project.images) {
      const path = below(project.imagePrefix, rehearsedName(project));
      for (const { region, url } of repositories) add(region, `${url}/${path}/manifests/${rehearsedVersion}`);
    }
    for (const file of made.get(project.name)?.files ?? []) {
      for (const { region, url } of buckets) add(region, `${url}/binaries/${below(project.filePrefix, file.path)}`);
    }
  }
  return urls;
}

/** Finds every artifact in every mirror, then pulls it as clients on three continents do. */
async function pullAll(on: {
  readonly control: ControlApi;
  readonly site: string;
  readonly names: ReadonlyMap<string, string>;
  readonly projects: readonly RehearsedProject[];
  readonly made: ReadonlyMap<string, DemoProject>;
}): Promise<RehearsedRow[]> {
  const urls = await mirrorUrls(on.control, on.projects, on.made);
  const accept = "application/vnd.oci.image.manifest.v1+json";
  for (const [region, list] of urls) {
    for (const url of list) {
      const answer = await fetch(url, { headers: url.includes("/manifests/") ? { accept } : {} });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${url} in ${region} answers ${answer.status}: the artifact did not get there`);
    }
  }
  say(`every artifact is in every mirror: ${[...urls.keys()].join(", ")}`);
  const rows: RehearsedRow[] = [];
  for (const project of on.projects) {
    const pulled: string[] = [];
    for (const [city, coordinates] of Object.entries(clients)) {
      const headers = { "x-rehearsal-client": coordinates };
      const client = join(folder, "client", city.replace(" ", "-"));
      await mkdir(client, { recursive: true });
      const from = (hops: readonly Hop[]): string => way(hops.slice(-1), on.names);
      if (project.images) {
        const reference = `${below(project.imagePrefix, rehearsedName(project))}:${rehearsedVersion}`;
        const image = await pullImage(on.site, reference, "linux/amd64", client, { headers });
        pulled.push(`${city}: image from ${from(image.parts.at(-1)?.hops ?? [])}`);
      }
      const file = on.made.get(project.name)?.files[0];
      if (file !== undefined) {
        const url = `${on.site}/binaries/${below(project.filePrefix, file.path)}`;
        const got = await downloadFile(url, client, { headers });
        pulled.push(`${city}: file from ${from(got.hops)}`);
      }
    }
    for (const line of pulled) say(`${project.name}, ${line}`);
    rows.push({ project: project.name, mirrors: [...urls.keys()], pulled });
  }
  return rows;
}

/** The registry that a project's people push to, as the real cloud has it: the emulated one is on this machine. */
function stagingRegistry(resources: ReturnType<typeof deployedResources>, project: string): string | undefined {
  const inputs = resources
    .filter(({ type }) => type === "gcp:artifactregistry/repository:Repository")
    .map((resource) => resource.inputs ?? {})
    .find(({ repositoryId }) => repositoryId === `staging-${project}`);
  return inputs && `${inputs["location"]}-docker.pkg.dev/${inputs["project"]}/${inputs["repositoryId"]}`;
}

function below(prefix: string, path: string): string {
  return prefix === "" ? path : `${prefix}/${path}`;
}

function readOptions(): { stack: string; file: string; once: boolean; html: string | undefined; ports: number } {
  const usage = "usage: npm run rehearse -- [--stack NAME] [--config-file FILE] [--once] [--html FILE] [--ports BASE]";
  try {
    const { values } = parseArgs({
      options: {
        stack: { type: "string", default: "prod" },
        "config-file": { type: "string" },
        once: { type: "boolean", default: false },
        html: { type: "string" },
        ports: { type: "string" },
      },
    });
    const ports = Number(values.ports ?? process.env["ARTIFACTS_PORTS"] ?? defaultPorts);
    if (!Number.isInteger(ports) || ports < 1024 || ports > 65_535 - portBlock) {
      throw new Error(`--ports is the first of ${portBlock} ports: a number from 1024 to ${65_535 - portBlock}`);
    }
    if (!/^[\w.-]+$/.test(values.stack) || values.stack === "local")
      throw new Error("--stack is the name of a stack of yours; npm start rehearses the demo");
    const file = resolve(projectRoot, values["config-file"] ?? `Pulumi.${values.stack}.yaml`);
    if (!existsSync(file)) throw new Error(`there is no ${relative(projectRoot, file)}: npm run init writes it`);
    return { stack: values.stack, file, once: values.once, html: values.html, ports };
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}
