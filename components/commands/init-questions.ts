import { parseStackConfig } from "../stack/config.ts";
import { stateNames } from "../stack/state-names.ts";

/** Answers by option. */
export type Answers = Readonly<Record<string, string>>;

/** What `artifacts init` has to know. */
export interface Question {
  readonly option: string;
  /** The setting that it is for. */
  readonly key: string;
  /** What it is and where to find it. */
  readonly ask: string;
  /** Whether it is asked, after the answers to those before it. */
  applies(answers: Answers): boolean;
  /** What an empty answer means; undefined: an answer is required. */
  readonly byDefault?: (answers: Answers) => string;
}

const always = (): boolean => true;
const none = (): string => "";
const usesSeed = (answers: Answers): boolean => (answers["seed-project"] ?? "") !== "";
const usesAws = (answers: Answers): boolean => answers["dns"] === "route53" || (answers["aws-regions"] ?? "") !== "";

/** All questions, in order. Each says where to find the answer. */
export const questions: readonly Question[] = [
  {
    option: "organization",
    key: "artifacts:organization",
    ask: "short name of your organisation, begins the names of buckets",
    applies: always,
  },
  {
    option: "repository",
    key: "artifacts:repository",
    ask: "GitHub repository of your fork, owner/name",
    applies: always,
  },
  {
    option: "repository-id",
    key: "artifacts:repositoryId",
    ask: "its number: gh api repos/<owner>/<name> --jq .id",
    applies: always,
  },
  {
    option: "owner-id",
    key: "artifacts:githubOwners",
    ask: "number of its owner: gh api users/<owner> --jq .id",
    applies: always,
  },
  {
    option: "approvers",
    key: "artifacts:approvers",
    ask: "who approves config and program: logins or organization/team, with commas between them",
    applies: always,
    byDefault: none,
  },
  { option: "domain", key: "artifacts:domain", ask: "your domain: clients use artifacts.<domain>", applies: always },
  {
    option: "dns",
    key: "artifacts:dns",
    ask: "who serves its zone: cloudflare, google, route53, or none (you enter the records)",
    applies: always,
    byDefault: () => "none",
  },
  {
    option: "zone",
    key: "artifacts:zoneId",
    ask: "the zone: Cloudflare's id, the name of the managed zone in Cloud DNS, or Route 53's id",
    applies: ({ dns = "none" }) => dns !== "none",
  },
  {
    option: "regions",
    key: "artifacts:gcpRegions",
    ask: "regions of Google Cloud, with commas between them; the first holds the canonical mirrors",
    applies: always,
  },
  {
    option: "aws-regions",
    key: "artifacts:awsRegions",
    ask: "regions of AWS with a bucket, with commas between them",
    applies: always,
    byDefault: none,
  },
  {
    option: "aws-account",
    key: "aws:allowedAccountIds",
    ask: "the AWS account: aws sts get-caller-identity",
    applies: usesAws,
  },
  {
    option: "alert-email",
    key: "artifacts:alertEmail",
    ask: "mail address that is told of alerts",
    applies: always,
    byDefault: none,
  },
  {
    option: "project",
    key: "gcp:project",
    ask: "id of the Google Cloud project, used for nothing else",
    applies: always,
  },
  {
    option: "project-number",
    key: "artifacts:projectNumber",
    ask: "its number: gcloud projects describe <project> --format='value(projectNumber)'",
    applies: always,
  },
  {
    option: "seed-project",
    key: "artifacts:seedProject",
    ask: "id of a second Google Cloud project for the state, its key and the identities' pool, which survive the loss of the first there",
    applies: always,
    byDefault: none,
  },
  {
    option: "seed-project-number",
    key: "artifacts:seedProjectNumber",
    ask: "its number: gcloud projects describe <seed project> --format='value(projectNumber)'",
    applies: usesSeed,
  },
];

/** The answers with the defaults, and the questions that have none. */
export function answersComplete(given: Answers): { answers: Answers; missing: readonly Question[] } {
  const answers: Record<string, string> = { ...given };
  const missing: Question[] = [];
  for (const question of questions) {
    if (!question.applies(answers) || answers[question.option] !== undefined) continue;
    if (question.byDefault === undefined) missing.push(question);
    else answers[question.option] = question.byDefault(answers);
  }
  return { answers, missing };
}

/** What is wrong with one answer, as the config's own check says it. */
export function problemsOf(question: Question, answers: Answers): readonly string[] {
  const parsed = parseStackConfig(settingsOf(answers));
  return ("errors" in parsed ? parsed.errors : []).filter((line) => new RegExp(`^${question.key}[.:[]`).test(line));
}

/** The settings that the answers make, by full key, in the order of the file. Settings that have their default are left out. */
export function settingsOf(answers: Answers): Readonly<Record<string, unknown>> {
  const { organization, project } = answers;
  const seed = usesSeed(answers) ? answers["seed-project"] : undefined;
  const list = (option: string): string[] =>
    (answers[option] ?? "").split(",").flatMap((item) => (item.trim() === "" ? [] : [item.trim()]));
  const owner = answers["repository"]?.split("/")[0];
  const awsRegions = list("aws-regions");
  const entries: [string, unknown][] = [
    ["artifacts:organization", answers["organization"]],
    ["artifacts:repository", answers["repository"]],
    ["artifacts:repositoryId", answers["repository-id"]],
    [
      "artifacts:githubOwners",
      owner === undefined || answers["owner-id"] === undefined ? undefined : { [owner]: answers["owner-id"] },
    ],
    ["artifacts:approvers", list("approvers")],
    ["artifacts:domain", answers["domain"]],
    ["artifacts:dns", answers["dns"]],
    ["artifacts:zoneId", answers["dns"] === "none" ? undefined : answers["zone"]],
    ["artifacts:gcpRegions", answers["regions"] === undefined ? undefined : list("regions")],
    ["artifacts:awsRegions", awsRegions],
    ["aws:region", usesAws(answers) ? (awsRegions[0] ?? "us-east-1") : undefined],
    [
      "aws:allowedAccountIds",
      usesAws(answers) && answers["aws-account"] !== undefined ? [answers["aws-account"]] : undefined,
    ],
    ["artifacts:alertEmail", answers["alert-email"]],
    ["gcp:project", answers["project"]],
    ["artifacts:projectNumber", answers["project-number"]],
    ["artifacts:seedProject", seed],
    ["artifacts:seedProjectNumber", usesSeed(answers) ? answers["seed-project-number"] : undefined],
  ];
  // Made of several answers: nothing can be said of them before all are there.
  if (organization !== undefined && project !== undefined) {
    const { bucket, key } = stateNames({ organization, project, seed });
    entries.push(["artifacts:stateBucket", bucket], ["artifacts:stateKey", key]);
  }
  const empty = (value: unknown): boolean =>
    value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(entries.filter(([, value]) => !empty(value)));
}
