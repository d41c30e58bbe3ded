import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { parse, YAMLParseError } from "yaml";
import { bucketLocation } from "../stack/bucket-location.ts";
import { stateNames } from "../stack/state-names.ts";
import { CommandError, UsageError } from "./command.ts";
import { printDetail, printJson, printNote, printResult } from "./output.ts";

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

/** The services that a seed project needs: the state, its key, and the tokens of GitHub. */
const seedServices = [
  "cloudkms",
  "cloudresourcemanager",
  "iam",
  "iamcredentials",
  "logging",
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

/** What the bucket and the key are like, as far as it matters (Cloud Storage JSON API, "Buckets"; Cloud KMS API, "CryptoKey"). */
interface Described {
  readonly location?: string;
  readonly versioning?: { readonly enabled?: boolean };
  readonly lifecycle?: unknown;
  readonly softDeletePolicy?: { readonly retentionDurationSeconds?: string };
  readonly iamConfiguration?: {
    readonly publicAccessPrevention?: string;
    readonly uniformBucketLevelAccess?: { readonly enabled?: boolean };
  };
  readonly rotationPeriod?: string;
  readonly primary?: { readonly state?: string };
}

/** One thing to create, and what must be true of it. */
interface Step {
  readonly what: string;
  /** Fails if it does not exist; none: `make` may run again. */
  readonly describe?: readonly string[];
  /** What gcloud says of one that does not exist. Default: {@link notFound}. */
  readonly absent?: RegExp;
  readonly make: readonly string[];
  /** What is wrong with it that no command here mends. */
  readonly fault?: (found: Described) => string | undefined;
  readonly properties: readonly {
    readonly what: string;
    readonly holds: (found: Described) => boolean;
    readonly set: readonly string[];
    /** `make` sets it too. */
    readonly atCreation?: true;
  }[];
}

/** `artifacts bootstrap`. */
export const bootstrapCommand = new Command("bootstrap")
  .summary("create the state's bucket and key, before the first pulumi up")
  .description(
    "Creates what must exist before the first `pulumi up`: the bucket for the stack's state and the key that encrypts its secrets. Without --create it only prints the commands. Run it as an owner of the project, logged in to gcloud. Keeps what exists.",
  )
  .option("--project <id>", "the Google Cloud project, used for nothing else (default gcp:project of the stack's file)")
  .option(
    "--seed-project <id>",
    "another Google Cloud project, created if it is missing, for the state, its key and the identities' pool: they then survive the loss of --project (default artifacts:seedProject of the stack's file)",
  )
  .option("--organization <name>", "begins the bucket's name (default artifacts:organization of the stack's file)")
  .option("--location <location>", "us, europe, asia or a region", "us")
  .option("--stack <name>", "the stack that the state is for, in Pulumi.NAME.yaml", "prod")
  .option("--create", "run the commands")
  .option(
    "--json",
    "one JSON document: {settings: {key: value}, steps: [{what, commands}], next: [command]}; with --create, commands are those that were run",
  )
  .action(async (values) => {
    const { location, stack } = values;
    const create = values.create === true;
    const { project, seed, organization, optionalServices } = await names(values, `Pulumi.${stack}.yaml`);
    const { bucket, key } = stateNames({ organization, project, seed, location });

    const folder = await mkdtemp(join(tmpdir(), "bootstrap-"));
    const done: { what: string; commands: readonly string[] }[] = [];
    try {
      const lifecycleFile = create ? join(folder, "lifecycle.json") : "lifecycle.json";
      if (create) await writeFile(lifecycleFile, JSON.stringify(lifecycle));
      else printResult(`# lifecycle.json:\n${JSON.stringify(lifecycle, null, 2)}\n`);
      for (const step of steps({ project, seed, location, bucket, lifecycleFile, optionalServices })) {
        const settings = step.properties.filter(({ atCreation }) => atCreation !== true).map(({ set }) => set);
        const ran = create ? await carryOut(step) : [step.make, ...settings];
        const commands = ran.map((command) => inShell(command));
        done.push({ what: step.what, commands });
        if (!create) printResult([`# ${step.what}`, ...commands, ""].join("\n"));
      }
    } finally {
      await rm(folder, { recursive: true });
    }

    const projectNumber = await numberOf(project, create);
    const settings = {
      "gcp:project": project,
      "artifacts:organization": organization,
      "artifacts:projectNumber": projectNumber,
      ...(seed !== undefined && {
        "artifacts:seedProject": seed,
        "artifacts:seedProjectNumber": await numberOf(seed, create),
      }),
      "artifacts:stateBucket": bucket,
      "artifacts:stateKey": key,
    };
    const next = [
      `pulumi login gs://${bucket}`,
      `pulumi stack init ${stack} --secrets-provider gcpkms://${key}`,
      `npm ci && npm run ranges && npm run build && pulumi up --stack ${stack}`,
    ];
    const owner = seed === undefined ? "an owner of the project" : "an owner of both projects";
    printNote(
      [
        "",
        `# In Pulumi.${stack}.yaml:`,
        ...Object.entries(settings).map(
          ([name, value]) => `#   ${name}: ${/Number$/.test(name) ? `"${value}"` : value}`,
        ),
        "# and artifacts:repositoryId, artifacts:githubOwners (the file says how to find their numbers)",
        `# Then, as ${owner}, with the credentials of AWS and Cloudflare where they are used (npm run steps):`,
        ...next,
      ].join("\n"),
    );
    printJson({ settings, steps: done, next });
  });

/**
 * The project and the organization as they were given, else as the stack's file has them. The rest of that file may still have errors: this
 * runs before it is complete.
 */
async function names(
  given: {
    readonly project?: string | undefined;
    readonly seedProject?: string | undefined;
    readonly organization?: string | undefined;
  },
  file: string,
): Promise<{
  project: string;
  seed: string | undefined;
  organization: string;
  optionalServices: readonly string[];
}> {
  const config = await configIn(file);
  const found = {
    project: given.project ?? config["gcp:project"],
    organization: given.organization ?? config["artifacts:organization"],
  };
  const seed = given.seedProject ?? (config["artifacts:seedProject"] || undefined);
  if (seed !== undefined && seed === found.project)
    throw new UsageError(`--seed-project: must be another project than ${seed}, whose loss it is to survive`);
  if (typeof found.project === "string" && typeof found.organization === "string")
    return {
      project: found.project,
      seed: seed === undefined ? undefined : String(seed),
      organization: found.organization,
      optionalServices: [
        ...(config["artifacts:dns"] === "google" ? ["dns"] : []),
        ...(config["artifacts:billingAccount"] ? ["billingbudgets"] : []),
      ],
    };
  const missing = [
    ...(typeof found.project === "string" ? [] : ["--project ID (or set gcp:project in FILE)"]),
    ...(typeof found.organization === "string" ? [] : ["--organization NAME (or set artifacts:organization in FILE)"]),
  ];
  throw new UsageError(`give ${missing.join(" and ").replaceAll("FILE", file)}`);
}

/** The number of a project or, where nothing is run, the command that finds it. */
async function numberOf(project: string, run: boolean): Promise<string> {
  const command = ["projects", "describe", project, "--format=value(projectNumber)"];
  return run ? (await gcloud(command)).trim() : `$(${inShell(command)})`;
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
  seed,
  location,
  bucket,
  lifecycleFile,
  optionalServices,
}: {
  readonly project: string;
  readonly seed: string | undefined;
  readonly location: string;
  readonly bucket: string;
  readonly lifecycleFile: string;
  /** Services that this stack alone needs. */
  readonly optionalServices: readonly string[];
}): readonly Step[] {
  const place = ["--project", seed ?? project];
  const ring = [...place, "--location", location];
  const rotation = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10);
  const rotating = ["--rotation-period", "90d", "--next-rotation-time", rotation];
  const update = ["storage", "buckets", "update", `gs://${bucket}`];
  return [
    {
      what: "The services that the program uses",
      make: [
        "services",
        "enable",
        ...[...services, ...optionalServices].map((service) => `${service}.googleapis.com`),
        ...["--project", project],
      ],
      properties: [],
    },
    ...(seed === undefined ? [] : seedSteps(seed)),
    {
      what: "The bucket for the state",
      describe: ["storage", "buckets", "describe", `gs://${bucket}`, ...place, "--raw", "--format=json"],
      make: [
        ...["storage", "buckets", "create", `gs://${bucket}`, ...place, "--location", bucketLocation(location)],
        ...["--uniform-bucket-level-access", "--public-access-prevention", "--soft-delete-duration", "30d"],
      ],
      fault: ({ location: found }) =>
        found === undefined || found === bucketLocation(location)
          ? undefined
          : `gs://${bucket} is in ${found}, which cannot be changed: give --location, or remove the empty bucket`,
      properties: [
        {
          what: "old states are kept as versions",
          holds: ({ versioning }) => versioning?.enabled === true,
          set: [...update, "--versioning"],
        },
        {
          what: "old versions expire",
          holds: (found) => isDeepStrictEqual(found.lifecycle, lifecycle),
          set: [...update, "--lifecycle-file", lifecycleFile],
        },
        {
          what: "nobody reads it without a role",
          atCreation: true,
          holds: ({ iamConfiguration: access }) =>
            access?.uniformBucketLevelAccess?.enabled === true && access.publicAccessPrevention === "enforced",
          set: [...update, "--uniform-bucket-level-access", "--public-access-prevention"],
        },
        {
          what: "what is deleted can be restored for 30 days",
          atCreation: true,
          holds: ({ softDeletePolicy }) => Number(softDeletePolicy?.retentionDurationSeconds ?? 0) >= 30 * 86_400,
          set: [...update, "--soft-delete-duration", "30d"],
        },
      ],
    },
    {
      what: "The key ring",
      describe: ["kms", "keyrings", "describe", "artifacts", ...ring, "--format=json"],
      make: ["kms", "keyrings", "create", "artifacts", ...ring],
      properties: [],
    },
    {
      what: "The key that encrypts the state's secrets",
      describe: ["kms", "keys", "describe", "state", "--keyring", "artifacts", ...ring, "--format=json"],
      make: [
        ...["kms", "keys", "create", "state", "--keyring", "artifacts", ...ring, "--purpose", "encryption"],
        ...rotating,
      ],
      fault: ({ primary }) =>
        primary?.state === undefined || primary.state === "ENABLED"
          ? undefined
          : `the key's primary version is ${primary.state}: enable or restore it (gcloud kms keys versions enable|restore), or the state cannot be read`,
      properties: [
        {
          what: "it gets a new version every 90 days",
          atCreation: true,
          holds: ({ rotationPeriod }) => rotationPeriod === `${90 * 86_400}s`,
          set: ["kms", "keys", "update", "state", "--keyring", "artifacts", ...ring, ...rotating],
        },
      ],
    },
  ];
}

/** The seed project itself, and its services. */
function seedSteps(seed: string): Step[] {
  return [
    {
      what: "The seed project (link it to a billing account: its key is billed)",
      describe: ["projects", "describe", seed, "--format=json"],
      // Of a missing project and of somebody else's gcloud says the same; the creation of the latter is refused.
      absent: /may not exist|NOT_FOUND/,
      make: ["projects", "create", seed],
      properties: [],
    },
    {
      what: "The services that the seed project uses",
      make: [
        ...["services", "enable", ...seedServices.map((service) => `${service}.googleapis.com`)],
        ...["--project", seed],
      ],
      properties: [],
    },
  ];
}

/**
 * Creates what is missing, then sets each property that does not hold: a run that failed half-way is completed by the next one.
 * @returns the commands that changed something.
 */
async function carryOut({
  what,
  describe,
  absent = notFound,
  make,
  properties,
  fault,
}: Step): Promise<(readonly string[])[]> {
  const ran: (readonly string[])[] = [];
  let found = describe === undefined ? undefined : await describeOrNothing(describe, absent);
  printResult(`${what}: ${found === undefined ? "creating it" : "exists"}`);
  if (found === undefined) {
    await gcloud(make);
    ran.push(make);
    if (describe === undefined) return ran;
    found = (await describeOrNothing(describe, absent)) ?? {};
  }
  const problem = fault?.(found);
  if (problem !== undefined) throw new CommandError(problem);
  for (const property of properties) {
    const holds = property.holds(found);
    printResult(`  ${property.what}: ${holds ? "yes" : "setting it"}`);
    if (holds) continue;
    await gcloud(property.set);
    ran.push(property.set);
  }
  return ran;
}

const notFound = /not found|NOT_FOUND|does not exist|404/i;

/** What a thing is like; undefined if it does not exist. */
async function describeOrNothing(command: readonly string[], absent: RegExp): Promise<Described | undefined> {
  try {
    return JSON.parse((await gcloud(command)) || "{}") as Described;
  } catch (error) {
    // Only "not found" means that it must be created: a wrong project or a missing permission must not be taken for it.
    if (error instanceof CommandError && absent.test(error.message)) return undefined;
    throw error;
  }
}

async function gcloud(command: readonly string[]): Promise<string> {
  printDetail(`runs ${inShell(command)}`);
  try {
    return (await promisify(execFile)("gcloud", [...command, "--quiet"])).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === "ENOENT")
      throw new CommandError(
        "gcloud is not on PATH: install the Google Cloud CLI, or run the printed commands elsewhere",
      );
    throw new CommandError(`${inShell(command)}\n${(stderr ?? String(error)).trim()}`);
  }
}

/** A command of gcloud, for a shell. */
function inShell(command: readonly string[]): string {
  return `gcloud ${command.map(quoted).join(" ")}`;
}

/** A word quoted for a shell, if it needs quotes. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
