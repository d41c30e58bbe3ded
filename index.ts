/** The program: what is published, where, by whom, and how clients reach it. It is the system's table of contents. */
import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { adoption } from "./components/adoption/adoption.ts";
import { readAdoptionList } from "./components/adoption/adoption-list.ts";
import { existingThings } from "./components/adoption/existing.ts";
import { failedResources } from "./components/adoption/failed-resources.ts";
import { Identities } from "./components/identities/identities.ts";
import { attachmentSettings } from "./components/manifests/attachment-settings.ts";
import { fileSettings } from "./components/manifests/file-settings.ts";
import {
  fileLines,
  fileSummary,
  imageLines,
  imageSources,
  imageSummary,
  withdrawnFileLines,
  withdrawnImageLines,
} from "./components/manifests/lines.ts";
import { loadManifests } from "./components/manifests/load.ts";
import { locatedMessage, problemLine } from "./components/manifests/problem.ts";
import { type Project, promotesFiles, promotesImages, stagingProject } from "./components/manifests/project.ts";
import { signingSettings } from "./components/manifests/signing-settings.ts";
import { trustSettings, verifiedBy } from "./components/manifests/trust-settings.ts";
import { storageSettings } from "./components/mirrors/cdn-purges.ts";
import { FillJob } from "./components/mirrors/fill-job.ts";
import { fillBucket } from "./components/mirrors/fill-names.ts";
import { awsBucketPatterns } from "./components/mirrors/mirror-names.ts";
import { Mirrors } from "./components/mirrors/mirrors.ts";
import { Monitoring } from "./components/monitoring/monitoring.ts";
import { CatalogueEntry } from "./components/promotion/resources/catalogue-entry.ts";
import { PromotedFiles } from "./components/promotion/resources/promoted-files.ts";
import { PromotedImages } from "./components/promotion/resources/promoted-images.ts";
import { CloudCdn } from "./components/serving/cloud-cdn.ts";
import { ListedZone } from "./components/serving/dns/listed-zone.ts";
import { zoneOf } from "./components/serving/dns/zone.ts";
import { Domain, DomainRecords, redirectorHosts } from "./components/serving/domain.ts";
import { Redirector } from "./components/serving/redirector.ts";
import { redirectorConfigArgs } from "./components/serving/redirector-config.ts";
import { parseStackConfig, type StackConfig } from "./components/stack/config.ts";
import { servingRegions } from "./components/stack/geography.ts";
import { trimSdkStartup } from "./components/stack/sdk-startup.ts";
import { stackRules } from "./components/staging/stack-rules.ts";
import { StagingArea } from "./components/staging/staging-area.ts";
import { stagedIn } from "./components/staging/staging-names.ts";
import { secondsToRead } from "./redirector/config.ts";
import { fileKey, manifestPath, objectPath } from "./redirector/object-paths.ts";

await trimSdkStartup();
const config = readConfig();
const projects = await readProjects(config);
if (process.env["ARTIFACTS_ADOPT"]) {
  const list = readAdoptionList(process.env["ARTIFACTS_ADOPT"]);
  const [existing, failed] = [existingThings(config), failedResources()];
  pulumi.runtime.registerResourceTransform(adoption({ ...config, existing, failed, ...list }));
}

/** Who may deploy and who may preview, from GitHub. */
const identities = new Identities("identities", {
  project: config.project,
  repository: config.repository,
  repositoryId: config.repositoryId,
  githubOwners: config.githubOwners,
  awsAccount: config.awsAccount,
  awsBuckets: awsBucketPatterns(config),
  dns: config.dns,
  seedProject: config.seed?.project,
  state: config.state,
});

/** What fills mirrors outside of a deployment, and reads them back, where deployments leave something to it. */
const fillJob =
  config.fillAbove === undefined
    ? undefined
    : new FillJob("fill", {
        project: config.project,
        googlePrefix: config.googlePrefix,
        regions: servingRegions(config.gcpRegions),
        awsAccount: config.awsAccount,
        awsBuckets: awsBucketPatterns(config),
        deployer: identities.deploy,
        auditor: identities.preview,
      });

/** Where production is served from, the canonical mirrors first. */
const mirrors = new Mirrors("mirrors", {
  project: config.project,
  organization: config.organization,
  googlePrefix: config.googlePrefix,
  bucketNames: config.bucketNames,
  imageRepository: config.imageRepository,
  regionGroups: config.regionGroups,
  gcpRegions: config.gcpRegions,
  awsRegions: config.awsRegions,
  imageBuckets: config.imageBuckets,
  imageStores: config.imageStores,
  writers: [identities.deploy],
  auditors: [identities.preview, ...(fillJob === undefined ? [] : [fillJob.reader])],
  fillers: fillJob === undefined ? [] : [fillJob.filler],
  vulnerabilityScanning: config.vulnerabilityScanning,
  accessLogs: config.accessLogs,
  retiring: config.retiring,
  protection: config.protection,
});
const canonicalRegistry = mirrors.addresses.apply(({ images: [canonical] }) => canonical?.repository ?? "");

const zone = zoneOf(config.dns, config.project, config.keepDnsRecords);

/** The CDNs in front of buckets that this program makes, if any. */
const cdn =
  Object.keys(config.cloudCdn).length === 0
    ? undefined
    : new CloudCdn("cdn", {
        project: config.project,
        hosts: config.cloudCdn,
        mirrors: mirrors.addresses,
        zone,
        certificateEndpoint: config.certificateEndpoint,
        live: config.live,
        protection: config.protection,
      });

const settings = storageSettings(config);
const storage = cdn?.oncePurgeable(settings) ?? settings;

/** Until every redirector knows what a project has left. */
const departureSeconds = secondsToRead(config.redirector);

/** Where it is not set, no promotion has these inputs. */
const fillInput =
  config.fillAbove === undefined ? {} : { fillAbove: config.fillAbove, fillBucket: fillBucket(config.googlePrefix) };

const areas = new Map<string, StagingArea>();
const stagingAreas = new Map<string, { repository: pulumi.Output<string>; bucket: pulumi.Output<string> }>();

/** For each project: its staging area, its artifacts in production, and its entry in the catalogue. */
for (const project of lendersFirst(projects)) {
  // The engine begins with what is declared while the rest is being declared.
  await setImmediate();
  const staging =
    areas.get(stagingProject(project)) ??
    new StagingArea(project.name, {
      project: config.project,
      googlePrefix: config.googlePrefix,
      location: config.stagingLocation,
      description: project.description,
      group: project.owners.group,
      ci: project.owners.repositories.flatMap((repository) => identities.releasesOf(repository)),
      readers: [identities.deploy, identities.preview],
      images: project.staging.images,
      files: project.staging.files,
      retentionDays: project.staging.retentionDays,
      cleanupDryRun: config.cleanupDryRun,
      protection: config.protection,
    });
  areas.set(project.name, staging);
  // What it stages, where the area is another project's that stages more.
  const none = pulumi.output("");
  const repository = project.staging.images ? staging.repository : none;
  const bucket = project.staging.files ? staging.bucket : none;
  stagingAreas.set(project.name, { repository, bucket });
  const placed = mirrors.placed(project.regions);
  // A promotion stays declared when its manifest is emptied, so that its preview shows the removals and the removal guard applies.
  const promotions: (PromotedImages | PromotedFiles)[] = [];
  const lines = {
    images: imageLines(project),
    files: fileLines(project),
    withdrawnImages: withdrawnImageLines(project),
    withdrawnFiles: withdrawnFileLines(project),
  };
  if (promotesImages(project)) {
    const images = new PromotedImages(
      project.name,
      {
        project: project.name,
        images: lines.images,
        sources: imageSources(project),
        ...withdrawnInput(lines.withdrawnImages, "withdrawn"),
        summary: imageSummary(project),
        prefix: project.imagePrefix,
        staging: repository,
        mirrors: placed.images,
        layerMirrors: placed.layers,
        ...(placed.elsewhere && {
          unplaced: placed.elsewhere.images,
          unplacedLayers: placed.elsewhere.layers,
          departureSeconds,
        }),
        catalogue: mirrors.lines.files,
        mutableTags: [...project.mutableTags],
        ...attachmentSettings(project),
        ...trustSettings(project, config.trust),
        ...signingSettings(project, config),
        removalShare: project.removalShare,
        ...fillInput,
        storage,
      },
      // Depends on the whole staging area, with the grants to read it, not on its address alone. A promotion of nothing needs no protection.
      { dependsOn: staging, protect: config.protection && project.images.length > 0 },
    );
    promotions.push(images);
  }
  if (promotesFiles(project)) {
    const files = new PromotedFiles(
      project.name,
      {
        project: project.name,
        files: lines.files,
        ...withdrawnInput(lines.withdrawnFiles, "withdrawn"),
        ...fileSettings(project),
        ...trustSettings(project, config.trust),
        ...signingSettings(project, config),
        summary: fileSummary(project),
        prefix: project.filePrefix,
        staging: bucket.apply((name) => stagedIn(project, name)),
        mirrors: placed.files,
        ...(placed.elsewhere && { unplaced: placed.elsewhere.files, departureSeconds }),
        removalShare: project.removalShare,
        ...fillInput,
        storage,
      },
      { dependsOn: staging, protect: config.protection && project.files.length > 0 },
    );
    promotions.push(files);
  }
  if (promotions.length > 0) {
    new CatalogueEntry(
      project.name,
      {
        project: project.name,
        description: project.description,
        contact: project.contact ?? "",
        imagePrefix: project.imagePrefix,
        filePrefix: project.filePrefix,
        images: lines.images,
        files: lines.files,
        ...withdrawnInput(lines.withdrawnImages, "withdrawnImages"),
        ...withdrawnInput(lines.withdrawnFiles, "withdrawnFiles"),
        stagingRepository: repository,
        stagingBucket: bucket.apply((name) => stagedIn(project, name)),
        source: `https://github.com/${config.repository}`,
        ...verifiedBy(project, config),
        ...signingSettings(project, config),
        summary: `${imageSummary(project)}, ${fileSummary(project)}`,
        host: config.host,
        registry: canonicalRegistry,
        heldBy: placed.names,
        ...(config.fillAbove !== undefined && { filling: fillingOf(promotions) }),
        mirrors: mirrors.lines.files,
        storage,
      },
      // Depends on the promotions, so the catalogue lists only what is in production: nothing new after a failed promotion.
      { dependsOn: promotions, protect: config.protection && project.images.length + project.files.length > 0 },
    );
  }
}

/** How clients reach it: the certificates, the service, then the DNS records. */
const domain = new Domain("domain", {
  project: config.project,
  label: "artifacts",
  description: "Certificates of the redirector's host names",
  hosts: redirectorHosts(config, "domain"),
  zone,
  signedZone: config.dnssec ? config.dns.zoneId : undefined,
  protection: config.protection,
});
const probed = { image: someImage(projects), file: someFile(projects) };
const redirector = new Redirector("redirector", {
  ...redirectorConfigArgs(config),
  publicUrls: cdn?.reachable(config.publicUrls) ?? config.publicUrls,
  project: config.project,
  projectNumber: config.projectNumber,
  googlePrefix: config.googlePrefix,
  vanityHost: config.vanityHost,
  archive: config.archive,
  regions: servingRegions(config.gcpRegions),
  mirrors: mirrors.addresses,
  instances: config.instances,
  addresses: domain.addresses,
  certificateMap: domain.certificateMap,
  deployer: identities.deploy,
  auditor: identities.preview,
  ...probed,
});
if (config.live) {
  const { certificateEndpoint } = config;
  const { addresses, certificates } = domain;
  const [hosts, { entrances }] = [redirectorHosts(config, "records"), redirector];
  new DomainRecords("records", { hosts, zone, addresses, certificates, certificateEndpoint, entrances });
}

/** Monitoring of the service. */
new Monitoring("monitoring", {
  project: config.project,
  host: config.host,
  vanityHost: config.vanityHost,
  cdnHosts: config.live ? Object.values(config.cloudCdn) : [],
  ...probed,
  alertEmail: config.alertEmail,
  projectNumber: config.projectNumber,
  budget: config.budget,
  fills: config.fillAbove !== undefined,
  sentGibPerDay: config.sentGibPerDay,
});

export const url = `https://${config.host}`;
/** The deployed build. A preview uses it instead of building its own (.github/actions/set-up). */
export const redirectorArchive = redirector.archive;
/** The DS record to enter at the registrar when this program signs the zone. */
export const dsRecord = domain.dsRecord;
/** Where each project pushes: the repository for images, the bucket for files; "" where it stages none. */
export const staging = pulumi.output(Object.fromEntries(stagingAreas));
/** The records to enter by hand where `artifacts:dns` is `none`; else none. */
export const dnsRecords = zone instanceof ListedZone ? zone.lines : [];

/** The projects, those that use another's staging area after all others. */
function lendersFirst(all: readonly Project[]): Project[] {
  const borrows = ({ staging: { project } }: Project): boolean => project !== undefined;
  return [...all.filter((project) => !borrows(project)), ...all.filter(borrows)];
}

/** The input of a resource that withdraws something. The others do without it, so that it is no change of theirs. */
function withdrawnInput<Name extends string>(lines: string, name: Name): { [Key in Name]?: string } {
  return lines === "" ? {} : ({ [name]: lines } as { [Key in Name]?: string });
}

/** The mirrors that one of these promotions leaves to a fill. */
function fillingOf(promotions: readonly (PromotedImages | PromotedFiles)[]): pulumi.Output<string> {
  return pulumi.all(promotions.map(({ filling }) => filling)).apply((names) => {
    const all = names.flatMap((some) => some?.split(" ") ?? []).filter((name) => name !== "");
    return [...new Set(all)].sort().join(" ");
  });
}

/** URL of an image in production that monitoring and deployments request, by digest because tags may move. */
function someImage(all: readonly Project[]): string | undefined {
  const project = all.find(({ images }) => images.length > 0);
  const image = project?.images[0];
  const digest = image?.digests[0]?.digest;
  if (project === undefined || image === undefined || digest === undefined) return undefined;
  return manifestPath(project.imagePrefix, image.name, digest);
}

/** URL of a file in production that they request. */
function someFile(all: readonly Project[]): string | undefined {
  const project = all.find(({ files }) => files.length > 0);
  if (project === undefined) return undefined;
  const file = project.files.find(({ name }) => name.endsWith(".sha256")) ?? project.files[0]; // a small file if there is one
  return file && objectPath(fileKey(project.filePrefix, file.name));
}

/** The stack's config. Throws all of its errors before anything is registered. */
function readConfig(): StackConfig {
  const parsed = parseStackConfig(pulumi.runtime.allConfig());
  if ("errors" in parsed) {
    const lines = parsed.errors.map((error) => `  ${error}`);
    throw new pulumi.RunError(`The config of stack ${pulumi.getStack()} has errors:\n${lines.join("\n")}`);
  }
  if (!existsSync(parsed.config.archive)) {
    throw new pulumi.RunError(
      `${parsed.config.archive} does not exist; it is the redirector to deploy: run "npm run build"`,
    );
  }
  for (const warning of parsed.warnings) void pulumi.log.warn(warning);
  return parsed.config;
}

/** The projects of the manifests. Throws all of their errors before anything is registered. */
async function readProjects(stack: StackConfig): Promise<readonly Project[]> {
  const { projects, problems } = await loadManifests(stack.manifests, stackRules(stack));
  const warnings = problems.filter(({ severity }) => severity === "warning");
  for (const warning of warnings) void pulumi.log.warn(locatedMessage(warning));
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new pulumi.RunError(`The manifests have errors:\n${errors.map(problemLine).join("\n")}`);
  return projects;
}
