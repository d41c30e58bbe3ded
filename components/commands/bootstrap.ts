import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { parse, YAMLParseError } from "yaml";
import { bucketLocation } from "../stack/bucket-location.ts";
import { CommandError, UsageError } from "./command.ts";

/** The services that the program uses. */
const services = [
  "artifactregistry",
  "certificatemanager",
  "cloudkms",
  "cloudresourcemanager",
  "compute",
  "iam",
  "iamcredentials",
  "logging",
  "monitoring",
  "run",
  "serviceusage",
  "storage",
  "sts",
];

/**
 * Old states are kept as versions: the last ten always, older ones for 90 days. The engine adds a full copy for each run (`history`) and one
 * before each write (`backups`); only people read them.
 */
const lifecycle = {
  rule: [
    { action: { type: "Delete" }, condition: { daysSinceNoncurrentTime: 90, numNewerVersions: 10 } },
    { action: { type: "Delete" }, condition: { age: 365, matchesPrefix: [".pulumi/history/"] } },
    { action: { type: "Delete" }, condition: { age: 30, matchesPrefix: [".pulumi/backups/"] } },
  ],
};

/** One thing to create: skipped if `exists` succeeds. */
interface Step {
  readonly what: string;
  readonly exists?: readonly string[];
  readonly make: readonly (readonly string[])[];
}

/** `artifacts bootstrap`. */
export const bootstrapCommand = new Command("bootstrap")
  .summary("create the state's bucket and key, before the first pulumi up")
  .description(
    "Creates what must exist before the first `pulumi up`: the bucket for the stack's state and the key that encrypts its secrets. Without --create it only prints the commands. Run it as an owner of the project, logged in to gcloud. Keeps what exists.",
  )
  .option("--project <id>", "the Google Cloud project, used for nothing else (default gcp:project of the stack's file)")
  .option("--organization <name>", "begins the bucket's name (default artifacts:organization of the stack's file)")
  .option("--location <location>", "us, europe, asia or a region", "us")
  .option("--stack <name>", "the stack that the state is for, in Pulumi.NAME.yaml", "prod")
  .option("--create", "run the commands")
  .action(async (values) => {
    const { location, stack } = values;
    const create = values.create === true;
    const { project, organization } = await names(values.project, values.organization, `Pulumi.${stack}.yaml`);
    const bucket = `${organization}-artifacts-state`;
    const key = `projects/${project}/locations/${location}/keyRings/artifacts/cryptoKeys/state`;

    const folder = await mkdtemp(join(tmpdir(), "bootstrap-"));
    try {
      const lifecycleFile = create ? join(folder, "lifecycle.json") : "lifecycle.json";
      if (create) await writeFile(lifecycleFile, JSON.stringify(lifecycle));
      else process.stdout.write(`# lifecycle.json:\n${JSON.stringify(lifecycle, null, 2)}\n\n`);
      for (const step of steps({ project, location, bucket, lifecycleFile })) {
        if (create) await carryOut(step);
        else
          process.stdout.write(
            `# ${step.what}\n${step.make.map((command) => `gcloud ${command.map(quoted).join(" ")}\n`).join("")}\n`,
          );
      }
    } finally {
      await rm(folder, { recursive: true });
    }

    const numberOf = ["projects", "describe", project, "--format=value(projectNumber)"];
    const number = create ? (await gcloud(numberOf)).trim() : `"$(gcloud ${numberOf.map(quoted).join(" ")})"`;
    process.stdout.write(`
# In Pulumi.${stack}.yaml:
#   gcp:project: ${project}
#   artifacts:organization: ${organization}
#   artifacts:projectNumber: ${create ? `"${number}"` : number}
#   artifacts:stateBucket: ${bucket}
#   artifacts:stateKey: ${key}
# and artifacts:repositoryId, artifacts:githubOwners (the file says how to find their numbers)
# Then, as an owner of the project and of the AWS account, with CLOUDFLARE_API_TOKEN set:
pulumi login gs://${bucket}
pulumi stack init ${stack} --secrets-provider gcpkms://${key}
npm ci && npm run ranges && npm run build && pulumi up --stack ${stack}
`);
  });

/**
 * The project and the organization as they were given, else as the stack's file has them. The rest of that file may still have errors: this
 * runs before it is complete.
 */
async function names(
  project: string | undefined,
  organization: string | undefined,
  file: string,
): Promise<{ project: string; organization: string }> {
  const config = project === undefined || organization === undefined ? await configIn(file) : {};
  const found = {
    project: project ?? config["gcp:project"],
    organization: organization ?? config["artifacts:organization"],
  };
  if (typeof found.project === "string" && typeof found.organization === "string")
    return { project: found.project, organization: found.organization };
  const missing = [
    ...(typeof found.project === "string" ? [] : ["--project ID (or set gcp:project in FILE)"]),
    ...(typeof found.organization === "string" ? [] : ["--organization NAME (or set artifacts:organization in FILE)"]),
  ];
  throw new UsageError(`give ${missing.join(" and ").replaceAll("FILE", file)}`);
}

/** The settings of a stack's file; none if there is no such file. */
async function configIn(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const document: unknown = parse(await readFile(file, "utf8"));
    return (document as { config?: Record<string, unknown> } | null)?.config ?? {};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    if (error instanceof YAMLParseError) throw new CommandError(`${file}: ${error.message}`);
    throw error;
  }
}

function steps({
  project,
  location,
  bucket,
  lifecycleFile,
}: {
  readonly project: string;
  readonly location: string;
  readonly bucket: string;
  readonly lifecycleFile: string;
}): readonly Step[] {
  const place = ["--project", project];
  const ring = [...place, "--location", location];
  const rotation = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10);
  return [
    {
      what: "The services that the program uses",
      make: [["services", "enable", ...services.map((service) => `${service}.googleapis.com`), ...place]],
    },
    {
      what: "The bucket for the state: versioned, private",
      exists: ["storage", "buckets", "describe", `gs://${bucket}`, ...place],
      make: [
        [
          ...["storage", "buckets", "create", `gs://${bucket}`, ...place, "--location", bucketLocation(location)],
          ...["--uniform-bucket-level-access", "--public-access-prevention", "--soft-delete-duration", "30d"],
        ],
        ["storage", "buckets", "update", `gs://${bucket}`, "--versioning", "--lifecycle-file", lifecycleFile],
      ],
    },
    {
      what: "The key ring",
      exists: ["kms", "keyrings", "describe", "artifacts", ...ring],
      make: [["kms", "keyrings", "create", "artifacts", ...ring]],
    },
    {
      what: "The key that encrypts the state's secrets, with a new version every 90 days",
      exists: ["kms", "keys", "describe", "state", "--keyring", "artifacts", ...ring],
      make: [
        [
          ...["kms", "keys", "create", "state", "--keyring", "artifacts", ...ring, "--purpose", "encryption"],
          ...["--rotation-period", "90d", "--next-rotation-time", rotation],
        ],
      ],
    },
  ];
}

async function carryOut(step: Step): Promise<void> {
  const exists =
    step.exists !== undefined &&
    (await gcloud(step.exists).then(
      () => true,
      (error: unknown) => {
        // Only "not found" means that it must be created: a wrong project or a missing permission must not be taken for it.
        if (error instanceof CommandError && /not found|NOT_FOUND|does not exist|404/i.test(error.message))
          return false;
        throw error;
      },
    ));
  process.stdout.write(`${step.what}: ${exists ? "exists" : "creating it"}\n`);
  if (!exists) for (const command of step.make) await gcloud(command);
}

async function gcloud(command: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)("gcloud", [...command, "--quiet"])).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === "ENOENT")
      throw new CommandError(
        "gcloud is not on PATH: install the Google Cloud CLI, or run the printed commands elsewhere",
      );
    throw new CommandError(`gcloud ${command.map(quoted).join(" ")}\n${(stderr ?? String(error)).trim()}`);
  }
}

/** A word quoted for a shell, if it needs quotes. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
