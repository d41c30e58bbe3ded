import { createHash } from "node:crypto";
import { Command, Option } from "@commander-js/extra-typings";
import { printable } from "../promotion/text/printable.ts";
import type { StackConfig } from "../stack/config.ts";
import type { ImageStore, R2Settings } from "../stack/image-store-format.ts";
import { type AccountToken, AccountTokens, type TokenRequest } from "./cloudflare-tokens.ts";
import { CommandError, UsageError } from "./command.ts";
import { type SecretPlace, secretTimes, setSecrets } from "./github-secrets.ts";
import { printJson, printNote, printRaw, printResult } from "./output.ts";
import { stackConfig } from "./stack-config.ts";

type R2Store = ImageStore & { readonly r2: R2Settings };

/** A token that a store needs. */
interface Purpose {
  readonly title: "read and write" | "read";
  /** The permission group. Groups have the same id in every account. */
  readonly permission: string;
  /** Where the workflows take its keys from. */
  readonly environment: string | undefined;
  /** Stands between the store's `keys` and the rest of the secrets' names. */
  readonly infix: "" | "_READ";
}

/**
 * R2, "Authentication", names the groups: "Workers R2 Storage Bucket Item Write" ("Can read, write, and list objects in buckets") and "Workers R2 Storage
 * Bucket Item Read" ("Can read and list objects in buckets").
 */
const purposes: readonly Purpose[] = [
  {
    title: "read and write",
    permission: "2efd5506f9c8494dacb1fa10a3e7d5b6",
    environment: "production",
    infix: "",
  },
  { title: "read", permission: "6a018a9f2fc74eb6b293b0c548f38b39", environment: undefined, infix: "_READ" },
];

/** `artifacts r2-token`. */
export const r2TokenCommand = new Command("r2-token")
  .summary("make the tokens of a bucket at Cloudflare R2, and store their keys at GitHub")
  .description(
    "For each bucket that the program makes at Cloudflare R2 (artifacts:imageStores, kind r2): a token that reads and writes its objects, for deployments, and one that reads them, for previews. Their keys become secrets of the repository at GitHub, through the GitHub CLI; they are in no file, no argument and no state, and are not printed. Needs CLOUDFLARE_API_TOKEN of an owner, with the right to edit Account API Tokens, and gh, logged in as one who may set the repository's secrets. Without an option it says what is there.",
  )
  .option("--stack <name>", "the stack, in Pulumi.NAME.yaml", "prod")
  .option("--store <name>", "one of its stores (default: all of kind r2)")
  .addOption(new Option("--create", "make what is missing, and keep what is there"))
  .addOption(new Option("--rotate", "make new tokens; the ones before stay valid").conflicts("create"))
  .addOption(
    new Option("--revoke", "revoke all of these tokens but the newest, once nothing uses the others").conflicts([
      "create",
      "rotate",
    ]),
  )
  .addOption(
    new Option(
      "--print",
      'print the keys of a token that ends in a day, for an owner\'s own shell: eval "$(npx artifacts r2-token --print)"',
    ).conflicts(["create", "rotate", "revoke", "json"]),
  )
  .option("--json", "one JSON document: {stores: [{store, token, current, older, made, revoked}]}; the ids of tokens")
  .action(async (values) => {
    const config = await stackConfig(values.stack);
    const stores = storesOf(config, values.store);
    if (values.print === true) return await printKeys(config, stores);
    const reports: Report[] = [];
    const accounts = new Map<string, Account>();
    for (const store of stores) {
      const { account } = store.r2;
      const { tokens, listed } = accounts.get(account) ?? (await readAccount(config.cloudflareEndpoint, account));
      accounts.set(account, { tokens, listed });
      for (const purpose of purposes) {
        const place = { repository: config.repository, environment: purpose.environment };
        const found = await look(listed, place, store, purpose);
        const report = await change({ ...found, tokens, place, store, purpose }, values);
        reports.push(report);
        printResult(resultLine(report, place));
      }
    }
    printJson({ stores: reports });
    for (const line of nextSteps(reports, values.stack)) printNote(`next: ${line}`);
  });

function storesOf({ imageStores }: StackConfig, wanted: string | undefined): readonly R2Store[] {
  const made = imageStores.flatMap((store) => (store.r2 === undefined ? [] : [{ ...store, r2: store.r2 }]));
  const stores = made.filter(({ name }) => wanted === undefined || name === wanted);
  if (stores.length > 0) return stores;
  const names = made.map(({ name }) => name).join(", ") || "none";
  throw new UsageError(
    wanted === undefined
      ? "the stack has no store of kind r2 in artifacts:imageStores: the keys of others are made where they are"
      : `--store: ${JSON.stringify(wanted)} is no store of kind r2 (there are: ${names})`,
  );
}

/** What is there of one token. */
interface Found {
  /** The newest first. */
  readonly all: readonly AccountToken[];
  /** The newest, if its keys are what GitHub has. */
  readonly stored: AccountToken | undefined;
}

/** GitHub and Cloudflare tell the time, each by its own clock. A token of a run that broke off so soon after another would be taken for the stored one. */
const clocksDiffer = 5_000;
/** The keys of a token are set together. What is set further apart are halves of two. */
const setTogether = 60_000;

/** An account, and its tokens before this run changed any. */
interface Account {
  readonly tokens: AccountTokens;
  readonly listed: readonly AccountToken[];
}

async function readAccount(endpoint: string | undefined, account: string): Promise<Account> {
  const tokens = new AccountTokens(endpoint, account);
  return { tokens, listed: await tokens.list() };
}

async function look(
  listed: readonly AccountToken[],
  place: SecretPlace,
  store: R2Store,
  purpose: Purpose,
): Promise<Found> {
  const name = tokenName(store, purpose.title);
  const all = listed.filter((token) => token.name === name).sort((a, b) => b.issued - a.issued);
  const times = await secretTimes(place);
  const set = Object.values(secretNames(store, purpose)).map((secret) => times.get(secret) ?? 0);
  const since = Math.min(...set);
  const [newest] = all;
  // One that was made and never stored, by a run that broke off, is newer than what GitHub has.
  const isStored =
    newest !== undefined && newest.issued <= since + clocksDiffer && Math.max(...set) - since <= setTogether;
  return { all, stored: isStored ? newest : undefined };
}

/** What was found of a token, and done. */
interface Report {
  readonly store: string;
  readonly token: Purpose["title"];
  /** Whose keys GitHub has. */
  readonly current: string | null;
  readonly older: readonly string[];
  readonly made: string | null;
  readonly revoked: readonly string[];
}

async function change(
  {
    all,
    stored,
    tokens,
    place,
    store,
    purpose,
  }: Found & {
    readonly tokens: AccountTokens;
    readonly place: SecretPlace;
    readonly store: R2Store;
    readonly purpose: Purpose;
  },
  { create, rotate, revoke }: { create?: true | undefined; rotate?: true | undefined; revoke?: true | undefined },
): Promise<Report> {
  const base = { store: store.name, token: purpose.title };
  const others = all.filter((token) => token !== stored).map(({ id }) => id);
  if (rotate === true || (create === true && stored === undefined)) {
    const made = await make(tokens, place, store, purpose);
    return { ...base, current: made, older: all.map(({ id }) => id), made, revoked: [] };
  }
  if (revoke === true) {
    if (stored === undefined && all.length > 0)
      throw new CommandError(
        `${store.name}: GitHub does not have the keys of the newest token to ${purpose.title}, so an older one may be in use: nothing was revoked; run --rotate first`,
      );
    for (const id of others) await tokens.delete(id);
    return { ...base, current: stored?.id ?? null, older: [], made: null, revoked: others };
  }
  return { ...base, current: stored?.id ?? null, older: others, made: null, revoked: [] };
}

/** Makes a token and stores its keys. One that can't be stored is revoked, as nobody has its value. */
async function make(tokens: AccountTokens, place: SecretPlace, store: R2Store, purpose: Purpose): Promise<string> {
  const { id, value } = await tokens.create(requestOf(store, purpose));
  const names = secretNames(store, purpose);
  const secrets = { [names.id]: id, [names.secret]: secretOf(value) };
  await setSecrets(place, secrets).catch(async (error: Error) => {
    await tokens.delete(id).catch(() => {
      throw new CommandError(
        `${error.message}\nand the token ${printable(id, 64)} is left at Cloudflare: revoke it there`,
      );
    });
    throw error;
  });
  return id;
}

/** The keys that an owner's own `up`, `sync` or `audit` needs, as after the loss of the Google project: GitHub gives no secret back. */
async function printKeys(config: StackConfig, stores: readonly R2Store[]): Promise<void> {
  if (process.stdout.isTTY === true)
    throw new UsageError('--print: a terminal keeps what it shows: eval "$(npx artifacts r2-token --print)"');
  const [purpose] = purposes as [Purpose, ...Purpose[]];
  for (const store of stores) {
    const tokens = new AccountTokens(config.cloudflareEndpoint, store.r2.account);
    const name = tokenName(store, "by hand");
    const { id, value } = await tokens.create({ ...requestOf(store, purpose), name, lasts: 86_400 });
    const names = secretNames(store, purpose);
    printRaw(`export ${names.id}='${id}' ${names.secret}='${secretOf(value)}'\n`);
  }
}

/** Of a store in the default jurisdiction the name is without it. 120 characters at most ("Create Token"); a bucket's name has 63. */
function tokenName({ bucket, r2: { jurisdiction } }: R2Store, purpose: Purpose["title"] | "by hand"): string {
  return `artifacts: ${bucket}${jurisdiction === "default" ? "" : ` (${jurisdiction})`}, ${purpose}`;
}

function requestOf(store: R2Store, { title, permission }: Purpose): TokenRequest {
  const { account, jurisdiction } = store.r2;
  return {
    name: tokenName(store, title),
    permission,
    resource: `com.cloudflare.edge.r2.bucket.${account}_${jurisdiction}_${store.bucket}`,
  };
}

/** "Get S3 API credentials from an API token": the access key's id is the token's, its secret the SHA-256 of the token's value. */
function secretOf(value: string): string {
  return createHash("sha256").update(value).digest("hex");
}

function secretNames({ keys }: R2Store, { infix }: Purpose): { readonly id: string; readonly secret: string } {
  return { id: `${keys}${infix}_ACCESS_KEY_ID`, secret: `${keys}${infix}_SECRET_ACCESS_KEY` };
}

function resultLine({ store, token, current, older, made, revoked }: Report, { environment }: SecretPlace): string {
  const where = environment === undefined ? "the repository's secrets" : `the environment ${environment}`;
  const id = printable(current ?? "", 64);
  const parts = [
    made !== null
      ? `made ${id}, its keys are in ${where}`
      : current === null
        ? `none whose keys are in ${where}`
        : `${id}, its keys are in ${where}`,
    ...(older.length > 0 ? [`others that are valid: ${older.map((one) => printable(one, 64)).join(", ")}`] : []),
    ...(revoked.length > 0 ? [`revoked ${revoked.map((one) => printable(one, 64)).join(", ")}`] : []),
  ];
  return `${store}, ${token}: ${parts.join("; ")}`;
}

function nextSteps(reports: readonly Report[], stack: string): readonly string[] {
  const command = `npx artifacts r2-token --stack ${stack}`;
  if (reports.some(({ current }) => current === null)) return [`${command} --create`];
  if (!reports.some(({ older }) => older.length > 0)) return [];
  return [
    "wait until the runs of deploy, preview and drift that have begun are over, and deploy once: it takes the new keys",
    `${command} --revoke`,
  ];
}
