/** A rule of a property's text that its facts name. `problem`: what the provider says of a text that breaks it. */
export interface PropertyRule {
  readonly holds: (text: string) => boolean;
  readonly problem: string;
}

/** The rules that the facts name (`rule`), as the real providers apply them in Check. */
export const propertyRules: Readonly<Record<string, PropertyRule>> = {
  "iam-member": {
    holds: (text) => /^(allUsers|allAuthenticatedUsers|(?!deleted:)[A-Za-z]\w*:.+)$/.test(text),
    problem: "invalid value for IAM member: must be allUsers, allAuthenticatedUsers or <kind>:<id>",
  },
  json: { holds: isJson, problem: "contains an invalid JSON" },
  base64: {
    holds: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
    problem: "must be base64",
  },
  "pool-id": {
    holds: (text) => /^[a-z0-9-]{4,32}$/.test(text) && !text.startsWith("gcp-"),
    problem: "must have 4 to 32 characters: lower-case letters, digits and dashes, and not begin with gcp-",
  },
  "slo-goal": { holds: (text) => Number(text) > 0 && Number(text) <= 0.9999, problem: "must be > 0 and <= 0.9999" },
  "6-to-30-characters": {
    holds: (text) => text.length >= 6 && text.length <= 30,
    problem: "must have 6 to 30 characters",
  },
  cidr: { holds: (text) => /^[0-9a-fA-F.:]+\/\d{1,3}$/.test(text), problem: "must be a CIDR range" },
  arn: { holds: (text) => text === "" || /^arn:[\w-]+:/.test(text), problem: "is an invalid ARN" },
  "12-digits": { holds: (text) => /^\d{12}$/.test(text), problem: "must be an account id of 12 digits" },
  "not-empty": { holds: (text) => text !== "", problem: "must not be empty" },
  "transfer-job-name": {
    holds: (text) => text.startsWith("transferJobs/"),
    problem: "must begin with transferJobs/",
  },
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
