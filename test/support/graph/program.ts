/** Runs the whole program without engine, credentials or cloud, for tests: with ids and outputs that are easily read. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type Declared, type Program, recordProgram } from "../../../local/graph/record-program.ts";

let run = 0;

/** What {@link runProgram} declares. */
export async function declare(
  config: Readonly<Record<string, unknown>>,
  manifests: Readonly<Record<string, string>>,
): Promise<readonly Declared[]> {
  return (await runProgram(config, manifests)).resources;
}

/**
 * What the program declares and exports for a stack's config (by full keys) and manifests (texts by path), sorted by type and name.
 * Throws what the program throws.
 */
export async function runProgram(
  config: Readonly<Record<string, unknown>>,
  manifests: Readonly<Record<string, string>>,
): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-graph-"));
  try {
    for (const [path, text] of Object.entries(manifests)) {
      const file = join(folder, "manifests", path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    const archive = join(folder, "redirector.tar.gz");
    await writeFile(archive, "stands for the built redirector");
    return await record({
      ...config,
      "artifacts:manifests": join(folder, "manifests"),
      "artifacts:redirectorArchive": archive,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function record(config: Readonly<Record<string, unknown>>): Promise<Program> {
  // Each run evaluates the program anew.
  const load = () => import(`../../../index.ts?run=${run++}`) as Promise<Record<string, unknown>>;
  return recordProgram(pulumi, load, config, "test", {
    made: (type, name, inputs) => ({ id: idOf(type, name), outputs: computed(type, inputs) }),
    called: (token) => {
      throw new Error(`the program asks the cloud: ${token}`);
    },
  });
}

/** The id of a resource, by which others refer to it: things of different types often have one logical name. */
export function idOf(type: string, name: string): string {
  return `${type.slice(type.lastIndexOf(":") + 1)}/${name}`;
}

/** The number of a service account, which stands for it in tokens. */
export function accountNumber(accountId: string): string {
  return `1${[...Buffer.from(accountId)].join("")}`.padEnd(21, "0").slice(0, 21);
}

/** What the cloud adds to a resource, as far as the program reads it. */
function computed(type: string, inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = (name: string): string => String(inputs[name]);
  switch (type) {
    case "gcp:artifactregistry/repository:Repository":
      return {
        name: text("repositoryId"),
        registryUri: `${text("location")}-docker.pkg.dev/${text("project")}/${text("repositoryId")}`,
      };
    case "gcp:serviceaccount/account:Account": {
      const email = `${text("accountId")}@${text("project")}.iam.gserviceaccount.com`;
      const name = `projects/${text("project")}/serviceAccounts/${email}`;
      return { email, member: `serviceAccount:${email}`, name, uniqueId: accountNumber(text("accountId")) };
    }
    case "gcp:projects/iAMCustomRole:IAMCustomRole":
      return { name: `projects/${text("project")}/roles/${text("roleId")}` };
    case "gcp:iam/workloadIdentityPool:WorkloadIdentityPool":
      return { name: `projects/1234/locations/global/workloadIdentityPools/${text("workloadIdentityPoolId")}` };
    case "gcp:certificatemanager/dnsAuthorization:DnsAuthorization":
      return {
        dnsResourceRecords: [
          {
            name: `_acme-challenge.${text("domain")}.`,
            type: "CNAME",
            data: "proof.authorize.certificatemanager.goog.",
          },
        ],
      };
    case "gcp:compute/globalAddress:GlobalAddress":
      return { address: text("ipVersion") === "IPV4" ? "192.0.2.1" : "2001:db8::1" };
    case "gcp:cloudrunv2/service:Service":
      return { latestReadyRevision: `${text("name")}-00001` };
    case "gcp:storage/bucketObject:BucketObject":
      return { generation: 1 };
    case "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":
      return { uptimeCheckId: `check of ${text("displayName")}` };
    case "gcp:monitoring/notificationChannel:NotificationChannel":
      return { name: `projects/${text("project")}/notificationChannels/1` };
    case "gcp:monitoring/slo:Slo":
      return { name: `projects/1234/services/${text("service")}/serviceLevelObjectives/${text("sloId")}` };
    case "gcp:monitoring/customService:CustomService":
      return { name: `projects/1234/services/${text("serviceId")}` };
    case "aws:iam/openIdConnectProvider:OpenIdConnectProvider":
      return { arn: `arn:aws:iam::123456789012:oidc-provider/${text("url").replace("https://", "")}` };
    case "aws:s3/bucket:Bucket":
      return { arn: `arn:aws:s3:::${text("bucket")}` };
    default:
      return {};
  }
}
