import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { bucketLocation } from "../stack/bucket-location.ts";
import { CommandError, runCommand, UsageError } from "./command.ts";

const usage = `Makes what must be there before the first \`pulumi up\`: the bucket that keeps the stack's state and the key that encrypts its secrets.
Without --create it only prints the commands. Run by an owner of the project, with gcloud logged in; what exists is left as it is.

usage: npm run bootstrap -- --project ID --organization NAME [--location L] [--stack NAME] [--create]
  --project ID          the project in Google Cloud, used for nothing else
  --organization NAME   as artifacts:organization in the stack's file; begins the bucket's name
  --location L          us (default), europe, asia or a region
  --stack NAME          the stack to make the state for (default prod)
  --create              run the commands`;

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
 * Old states are kept as versions: the last ten always, others for 90 days. The engine adds a full copy for each run (`history`) and one before
 * each write (`backups`); nothing reads them but people.
 */
const lifecycle = {
  rule: [
    { action: { type: "Delete" }, condition: { daysSinceNoncurrentTime: 90, numNewerVersions: 10 } },
    { action: { type: "Delete" }, condition: { age: 365, matchesPrefix: [".pulumi/history/"] } },
    { action: { type: "Delete" }, condition: { age: 30, matchesPrefix: [".pulumi/backups/"] } },
  ],
};

/** One thing to make: not made again if `exists` succeeds. */
interface Step {
  readonly what: string;
  readonly exists?: readonly string[];
  readonly make: readonly (readonly string[])[];
}

await runCommand(usage, async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      project: { type: "string" },
      organization: { type: "string" },
      location: { type: "string", default: "us" },
      stack: { type: "string", default: "prod" },
      create: { type: "boolean", default: false },
    },
  });
  const { project, organization, location, stack, create } = values;
  if (positionals.length > 0) throw new UsageError(`what is ${positionals[0]}?`);
  if (project === undefined) throw new UsageError("name the project: --project ID");
  if (organization === undefined) throw new UsageError("name the organization: --organization NAME");
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
# and artifacts:repositoryId, artifacts:githubOwners (the file says how to find them out)
# Then, as an owner of the project (of the AWS account too, and with CLOUDFLARE_API_TOKEN set):
pulumi login gs://${bucket}
pulumi stack init ${stack} --secrets-provider gcpkms://${key}
npm ci && npm run ranges && npm run build && pulumi up --stack ${stack}
`);
  return 0;
});

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
      what: "The bucket of the state: versioned, private",
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
      what: "The key of the state's secrets, a new version of it every 90 days",
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
        // Not there is the one answer to go on from; a wrong project or no right must not be taken for it.
        if (error instanceof CommandError && /not found|NOT_FOUND|does not exist|404/i.test(error.message))
          return false;
        throw error;
      },
    ));
  process.stdout.write(`${step.what}: ${exists ? "exists" : "making it"}\n`);
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

/** For a shell, where it is needed. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
