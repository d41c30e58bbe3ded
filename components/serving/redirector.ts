import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { Service } from "@pulumi/gcp/cloudrunv2/service.js";
import { BackendService } from "@pulumi/gcp/compute/backendService.js";
import type { GlobalForwardingRule } from "@pulumi/gcp/compute/globalForwardingRule.js";
import { RegionNetworkEndpointGroup } from "@pulumi/gcp/compute/regionNetworkEndpointGroup.js";
import { SecurityPolicy } from "@pulumi/gcp/compute/securityPolicy.js";
import { TargetHttpProxy } from "@pulumi/gcp/compute/targetHttpProxy.js";
import { URLMap } from "@pulumi/gcp/compute/urlmap.js";
import { ProjectExclusion } from "@pulumi/gcp/logging/projectExclusion.js";
import { ServiceIdentity } from "@pulumi/gcp/projects/serviceIdentity.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { IAMBinding as AccountIAMBinding } from "@pulumi/gcp/serviceaccount/iambinding.js";
import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketIAMBinding } from "@pulumi/gcp/storage/bucketIAMBinding.js";
import { BucketObject } from "@pulumi/gcp/storage/bucketObject.js";
import * as pulumi from "@pulumi/pulumi";
import { configVariable, locationHeader } from "../../redirector/config.ts";
import type { MirrorAddresses } from "../mirrors/mirrors.ts";
import { ProbedCanary } from "../promotion/resources/probed-canary.ts";
import { bucketLocation } from "../stack/bucket-location.ts";
import type { Region } from "../stack/geography.ts";
import type { Addresses } from "./domain.ts";
import { edgeRules } from "./edge-rules.ts";
import { addHttps, addPort } from "./entrances.ts";
import { mirrorsConfig, type RedirectorConfigArgs, type RedirectorMirrors, regionConfig } from "./redirector-config.ts";

export interface RedirectorArgs extends Omit<RedirectorConfigArgs, "publicUrls"> {
  /** Where clients read the buckets of some regions. */
  readonly publicUrls: pulumi.Input<RedirectorConfigArgs["publicUrls"]>;
  readonly project: string;
  /** Prefix of the bucket's name. */
  readonly googlePrefix: string;
  /** An additional name for the same service, if any. */
  readonly vanityHost: string | undefined;
  /** The built redirector: path of a .tar.gz that contains the executable `redirector`, for Linux on x86-64. */
  readonly archive: string;
  /** Where it runs. */
  readonly regions: readonly [Region, ...Region[]];
  readonly mirrors: pulumi.Input<MirrorAddresses>;
  /** Instances in each region; `minIn` overrides `min` by region. */
  readonly instances: { readonly min: number; readonly max: number; readonly minIn: Readonly<Record<string, number>> };
  /** IAM principal that deploys. */
  readonly deployer: pulumi.Input<string>;
  /** IAM principal that compares the deployment with the program. */
  readonly auditor: pulumi.Input<string>;
  /** The project's number. */
  readonly projectNumber: string;
  /** Paths of an image and of a file in production, for which a new build is asked in one region first. */
  readonly image: string | undefined;
  readonly file: string | undefined;
  readonly addresses: Addresses;
  /** Id of the certificate map. */
  readonly certificateMap: pulumi.Input<string>;
}

/**
 * The service behind the host name: the redirector on Cloud Run in every region, behind one global load balancer that
 * sends each client to the nearest region that answers.
 */
export class Redirector extends pulumi.ComponentResource {
  /** Where the deployed build is, `gs://<bucket>/<object>`. */
  public readonly archive: pulumi.Output<string>;
  /** The ports at the addresses: once they are there, the service answers. */
  public readonly entrances: readonly pulumi.Resource[];

  constructor(name: string, args: RedirectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:redirector:Redirector", name, {}, opts);
    const source = this.addSource(name, args);
    this.archive = pulumi.interpolate`gs://${source.bucket}/${source.name}`;
    const mirrors = pulumi
      .all([args.mirrors, args.publicUrls])
      .apply(([addresses, publicUrls]) => mirrorsConfig(addresses, { ...args, publicUrls }));
    const account = this.addAccount(name, args);
    const add = (region: Region, after: readonly pulumi.Resource[]): Instances => {
      const service = this.addService(name, args, { region, source, account, mirrors }, after);
      return { service, group: this.addGroup(name, args, region, service) };
    };
    // A new build, or config, reaches one region first: a revision whose startup probe fails gets no traffic, fails its region's
    // update, and with it the others do not begin. Nor do they while it answers wrong.
    const first = canary(args);
    const canaryInstances = add(first, []);
    const edge = this.addEdge(name, args);
    const plain = this.addPlainEntrances(name, args, canaryInstances, edge);
    const probed = this.probe(name, args, { revision: canaryInstances.service.latestReadyRevision, mirrors }, plain);
    const all = args.regions.map((region) => (region === first ? canaryInstances : add(region, [probed])));
    this.entrances = [...plain, ...this.addEntrances(name, args, all, edge)];
    this.excludeCloudRunsLog(name, args.project);
    this.registerOutputs({ archive: this.archive });
  }

  private addService(
    name: string,
    args: RedirectorArgs,
    { region, source, account, mirrors }: ServiceParts,
    after: readonly pulumi.Resource[],
  ): Service {
    const { project } = args;
    const min = args.instances.minIn[region.name] ?? args.instances.min;
    return new Service(
      `${name}-${region.name}`,
      {
        project,
        location: region.name,
        name: `redirector-${region.name}`,
        description: "Redirects clients to the best mirror",
        labels: { purpose: "redirector" },
        // Only the load balancer reaches it, so callers need no identity.
        ingress: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
        invokerIamDisabled: true,
        defaultUriDisabled: true,
        deletionProtection: false, // it holds nothing
        scaling: { minInstanceCount: min, maxInstanceCount: args.instances.max },
        template: {
          serviceAccount: account.email,
          // A microVM with a Linux kernel. The first generation starts faster, but uses gVisor, under which Bun is known to crash
          // (oven-sh/bun#16376 on Cloud Run, github/gh-aw-firewall#6260). Needs 512 MiB or more.
          executionEnvironment: "EXECUTION_ENVIRONMENT_GEN2",
          maxInstanceRequestConcurrency: 500,
          timeout: "10s",
          containers: [
            {
              // Starts from a .tar.gz on a plain Ubuntu base image that Google patches, so there is no image to build.
              // The archive is unpacked into the working directory; executable bits are kept.
              image: "scratch",
              baseImageUri: `${region.name}-docker.pkg.dev/serverless-runtimes/google-24/runtimes/osonly24`,
              commands: ["./redirector"],
              sourceCode: {
                cloudStorageSource: {
                  bucket: source.bucket,
                  object: source.name,
                  generation: source.generation.apply(String),
                },
              },
              envs: [
                {
                  name: configVariable,
                  value: mirrors.apply((config) =>
                    JSON.stringify(regionConfig(args, region, config, googleCloud(project))),
                  ),
                },
              ],
              ports: { containerPort: 8080 },
              // It also probes the mirrors between requests, so the CPU is always allocated, for which Cloud Run
              // requires 512 MiB. The redirector needs an eighth of that, and redirects some ten thousand requests
              // a second on one CPU (`npm run bench -- redirector`): 500 concurrent requests are far below its
              // limit.
              resources: { limits: { cpu: "1", memory: "512Mi" }, cpuIdle: false, startupCpuBoost: true },
              startupProbe: {
                httpGet: { path: "/healthz" },
                periodSeconds: 1,
                timeoutSeconds: 1,
                failureThreshold: 30,
              },
              // Not /readyz: if all mirrors are unreachable, a redirect to one is still better than no response.
              // Needs a running instance.
              ...(min > 0 && {
                readinessProbe: { httpGet: { path: "/healthz" }, periodSeconds: 10, timeoutSeconds: 2 },
              }),
            },
          ],
        },
        // A new revision gets traffic once its startup probe has succeeded; the previous revision is kept for a rollback.
        traffics: [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent: 100 }],
      },
      { parent: this, dependsOn: [source, ...after] },
    );
  }

  /** It only answers requests, so its account has no permissions. The default account could edit the project. */
  private addAccount(name: string, args: RedirectorArgs): Account {
    const account = new Account(
      name,
      {
        project: args.project,
        accountId: "redirector",
        displayName: "Redirector",
        description: "Runs the redirector; has no permissions",
      },
      { parent: this },
    );
    new AccountIAMBinding(
      `${name}-deployer`,
      { serviceAccountId: account.name, role: "roles/iam.serviceAccountUser", members: [args.deployer] },
      { parent: this },
    );
    return account;
  }

  /** The built redirector in a bucket. The object's name contains its hash, so a new build is a new object. */
  private addSource(name: string, args: RedirectorArgs): BucketObject {
    const bucket = new Bucket(
      `${name}-source`,
      {
        project: args.project,
        name: `${args.googlePrefix}-redirector`,
        location: bucketLocation(args.regions[0].name),
        labels: { purpose: "redirector" },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        // Keeps the builds of earlier revisions, for a rollback.
        versioning: { enabled: true },
        lifecycleRules: [
          { action: { type: "Delete" }, condition: { daysSinceNoncurrentTime: 90, withState: "ARCHIVED" } },
        ],
        forceDestroy: true,
      },
      { parent: this },
    );
    // Cloud Run's service agent, which fetches the archive. Google creates it on first use, and a grant to a member
    // that does not exist is refused.
    const agent = new ServiceIdentity(
      `${name}-agent`,
      { project: args.project, service: "run.googleapis.com" },
      { parent: this },
    );
    const reader = new BucketIAMBinding(
      `${name}-source-reader`,
      {
        bucket: bucket.name,
        role: "roles/storage.objectViewer",
        members: [
          `serviceAccount:service-${args.projectNumber}@serverless-robot-prod.iam.gserviceaccount.com`,
          args.auditor,
        ],
      },
      { parent: this, dependsOn: agent },
    );
    const writer = new BucketIAMBinding(
      `${name}-source-writer`,
      { bucket: bucket.name, role: "roles/storage.objectUser", members: [args.deployer] },
      { parent: this },
    );
    const digest = fileDigest(args.archive).slice(0, 16);
    const extension = basename(args.archive).replace(/^[^.]*/, "");
    return new BucketObject(
      `${name}-archive`,
      {
        bucket: bucket.name,
        name: `redirector-${digest}${extension}`,
        source: new pulumi.asset.FileAsset(args.archive),
      },
      {
        parent: this,
        dependsOn: [reader, writer],
        // A run that ends red leaves the earlier build to be deleted by the next one, which may have made it current again: the object of the
        // same name would go. A kept build of 53 MB costs a tenth of a cent a month.
        retainOnDelete: true,
      },
    );
  }

  /**
   * Cloud Run logs every request as well, and this cannot be turned off. Excluded entries are not billed ("Cloud
   * Logging pricing"), but log-based metrics still count them. An owner applies this: somebody who can exclude log
   * lines could hide from the audit log.
   */
  private excludeCloudRunsLog(name: string, project: string): void {
    new ProjectExclusion(
      `${name}-requests`,
      {
        project,
        name: "redirector-requests",
        description: "The load balancer and the redirector already log a share of these; failures are kept",
        filter: `resource.type="cloud_run_revision" resource.labels.service_name=~"^redirector-" logName="projects/${project}/logs/run.googleapis.com%2Frequests" httpRequest.status<500`,
      },
      { parent: this },
    );
  }

  private addGroup(name: string, { project }: RedirectorArgs, region: Region, service: Service) {
    return new RegionNetworkEndpointGroup(
      `${name}-${region.name}`,
      {
        project,
        region: region.name,
        name: `redirector-${region.name}`,
        networkEndpointType: "SERVERLESS",
        cloudRun: { service: service.name },
      },
      { parent: this },
    );
  }

  private addEdge(name: string, { project }: RedirectorArgs): SecurityPolicy {
    return new SecurityPolicy(
      name,
      {
        project,
        name: "redirector",
        description: "Requests that the edge passes on to the redirector",
        type: "CLOUD_ARMOR",
        rules: edgeRules,
      },
      { parent: this },
    );
  }

  private addBackend(
    name: string,
    args: RedirectorArgs,
    physical: string,
    instances: readonly Instances[],
    edge: SecurityPolicy,
  ): BackendService {
    return new BackendService(
      name,
      {
        project: args.project,
        name: physical,
        loadBalancingScheme: "EXTERNAL_MANAGED",
        protocol: "HTTPS",
        backends: instances.map(({ group }) => ({ group: group.id })),
        customRequestHeaders: [`${locationHeader}: {client_city_lat_long}`],
        // HSTS (RFC 6797): a browser that was here once uses https from then on. The redirect of plain http does not
        // pass through this backend.
        customResponseHeaders: ["Strict-Transport-Security: max-age=31536000"],
        securityPolicy: edge.id,
        enableCdn: false, // an answer depends on where the client is
        logConfig: { enable: true, sampleRate: args.logSampleRate },
        // Serverless backends have no health checks; instead a region with consecutive failures is ejected for a while.
        outlierDetection: {
          consecutiveErrors: 5,
          consecutiveGatewayFailure: 3,
          enforcingConsecutiveErrors: 100,
          enforcingConsecutiveGatewayFailure: 100,
          interval: { seconds: 1 },
          baseEjectionTime: { seconds: 30 },
          maxEjectionPercent: 50,
        },
      },
      { parent: this, ignoreChanges: [...filledIn] },
    );
  }

  /**
   * Port 80: sends clients to https. For a name that no client uses it leads to the canary alone, so that a run can ask that one: the service
   * itself takes requests from load balancers only. Port 443 would do so once its certificate is issued, after everything else.
   */
  private addPlainEntrances(
    name: string,
    args: RedirectorArgs,
    instances: Instances,
    edge: SecurityPolicy,
  ): readonly GlobalForwardingRule[] {
    const { project } = args;
    const backend = this.addBackend(`${name}-canary`, args, "redirector-canary", [instances], edge);
    const toHttps = new URLMap(
      `${name}-to-https`,
      {
        project,
        name: "redirector-to-https",
        defaultUrlRedirect: {
          httpsRedirect: true,
          redirectResponseCode: "MOVED_PERMANENTLY_DEFAULT",
          stripQuery: false,
        },
        hostRules: [{ hosts: [canaryHost(args)], pathMatcher: "canary" }],
        pathMatchers: [{ name: "canary", defaultService: backend.id }],
      },
      { parent: this },
    );
    const proxy = new TargetHttpProxy(
      name,
      { project, name: "redirector-to-https", urlMap: toHttps.id },
      { parent: this },
    );
    return addPort(name, entrance(args), { scheme: "http", portRange: "80" }, proxy.id, this);
  }

  /** Asks the canary what clients ask. */
  private probe(
    name: string,
    args: RedirectorArgs,
    {
      revision,
      mirrors,
    }: { readonly revision: pulumi.Output<string>; readonly mirrors: pulumi.Output<RedirectorMirrors> },
    entrances: readonly GlobalForwardingRule[],
  ): ProbedCanary {
    const { addresses, image, file } = args;
    return new ProbedCanary(
      `${name}-canary`,
      {
        address: addresses.ipv4,
        host: canaryHost(args),
        revision,
        ...(image !== undefined && { image }),
        ...(file !== undefined && { file }),
        imageMirrors: mirrors.apply(({ imageMirrors }) => imageMirrors.map(({ url }) => url)),
        fileMirrors: mirrors.apply(({ fileMirrors }) => fileMirrors.map(({ url }) => url)),
      },
      { parent: this, dependsOn: [...entrances] },
    );
  }

  private addEntrances(
    name: string,
    args: RedirectorArgs,
    instances: readonly Instances[],
    edge: SecurityPolicy,
  ): readonly GlobalForwardingRule[] {
    const { project } = args;
    const backend = this.addBackend(name, args, "redirector", instances, edge);
    const urls = new URLMap(
      name,
      {
        project,
        name: "redirector",
        defaultService: backend.id,
        hostRules: [{ hosts: hostsOf(args), pathMatcher: "all" }],
        pathMatchers: [{ name: "all", defaultService: backend.id }],
      },
      { parent: this },
    );
    return addHttps(name, { ...entrance(args), urls, certificateMap: args.certificateMap }, this);
  }
}

/**
 * Inputs of a backend service that Google may fill in. The provider takes them for inputs of ours, so that each comparison would differ. Serverless
 * backends take no success rates.
 */
const filledIn = [
  "localityLbPolicy",
  ...["enforcingSuccessRate", "successRateMinimumHosts", "successRateRequestVolume", "successRateStdevFactor"].map(
    (name) => `outlierDetection.${name}`,
  ),
];

/** Where the redirector runs in one region, and how the load balancer finds it. */
interface Instances {
  readonly service: Service;
  readonly group: RegionNetworkEndpointGroup;
}

interface ServiceParts {
  readonly region: Region;
  readonly source: BucketObject;
  readonly account: Account;
  readonly mirrors: pulumi.Output<RedirectorMirrors>;
}

/** The name for which port 80 leads to the canary. No DNS record has it. */
function canaryHost({ host }: RedirectorArgs): string {
  return `canary.${host}`;
}

/**
 * The region that is changed first. While its own API is out, the others would wait for it: `drainedRegions` names it then, and another
 * one is first.
 */
function canary({ regions: all, drained }: RedirectorArgs): Region {
  return all.find(({ name }) => !drained.has(name)) ?? all[0];
}

/** Google's load balancer appends `<client>,<its own address>` to X-Forwarded-For; given the project, Cloud Logging shows a request's entry beside its trace. */
function googleCloud(project: string) {
  return { trustedHops: 1, traceProject: project };
}

function entrance({ project, addresses }: RedirectorArgs) {
  return { project, label: "redirector", addresses };
}

/** The host names that the load balancer serves. */
function hostsOf({ host, vanityHost }: RedirectorArgs): string[] {
  return vanityHost === undefined ? [host] : [host, vanityHost];
}

/** SHA-256 of a file, hexadecimal, read in parts: the archive has 50 MB, and the program runs at every command. */
function fileDigest(file: string): string {
  const hash = createHash("sha256");
  const part = Buffer.allocUnsafe(1024 * 1024);
  const descriptor = openSync(file, "r");
  try {
    for (let read = readSync(descriptor, part); read > 0; read = readSync(descriptor, part)) {
      hash.update(part.subarray(0, read));
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest("hex");
}
