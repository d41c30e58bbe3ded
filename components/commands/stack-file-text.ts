import { stringify } from "yaml";

/** What a setting is, in the file. docs/config.md says more. */
const comments: Readonly<Record<string, string>> = {
  "artifacts:organization": "begins the names of buckets, which are unique in the whole world",
  "artifacts:repository": "the GitHub repository that this file is in: its workflows preview and deploy",
  "artifacts:repositoryId": "gh api repos/<owner>/<name> --jq .id; a name can be taken over by others, a number never",
  "artifacts:githubOwners": "whose repositories may push to staging areas: gh api users/<owner> --jq .id",
  "artifacts:approvers":
    "who approves config, program and new projects; npm run codeowners writes them into CODEOWNERS",
  "artifacts:domain": "clients use artifacts.<domain>",
  "artifacts:dns": "who serves the zone: cloudflare, google, route53 or none",
  "artifacts:zoneId": "the zone that holds the domain",
  "artifacts:gcpRegions":
    "each gets an image mirror, a file mirror and redirectors; the first holds the canonical mirrors",
  "artifacts:awsRegions": "each gets a bucket, for clients inside AWS",
  "aws:region": "where the provider starts",
  "aws:allowedAccountIds": "no other account is changed by mistake",
  "artifacts:alertEmail": "who is told of an alert",
  "gcp:project": "a Google Cloud project of its own",
  "artifacts:projectNumber": "gcloud projects describe <project> --format='value(projectNumber)'",
  "artifacts:seedProject": "has the state, its key and the identities' pool, which survive the loss of the other",
  "artifacts:seedProjectNumber": "gcloud projects describe <seed project> --format='value(projectNumber)'",
  "artifacts:stateBucket": "npm run bootstrap makes it, and the key",
};

/** The text of a stack's file. @param settings by full key, in the order of the file. */
export function stackFileText(settings: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(settings).map(([key, value]) => {
    const text = stringify({ [key]: value }, { collectionStyle: "flow", lineWidth: 0 }).trim();
    const plain = /^\{ ?(.*?) ?\}$/s.exec(text)?.[1] ?? text;
    return `  ${plain}${comments[key] === undefined ? "" : ` # ${comments[key]}`}`;
  });
  const head = [
    "# What every organisation sets. Everything that has a default is in docs/config.md.",
    "# `npm run check` names every mistake with its line, before anything is touched.",
    "config:",
  ];
  return `${[...head, ...lines].join("\n")}\n`;
}
