/** What a release asks of the forks that upgrade to it, besides config and manifests, of which their own checks tell. */
export interface ReleaseChange {
  /** The last release without it. */
  readonly after: string;
  readonly title: string;
  /** Changes a resource of the stack's state in place. Returns whether it did. Absent: it is done by hand. */
  readonly mend?: (resource: StateEntry) => boolean;
  /** How it is done by hand; `{repository}` and `{stack}` stand for those of the fork. */
  readonly commands?: readonly string[];
}

/** A resource in an export of a stack's state (`pulumi stack export`). */
export interface StateEntry {
  readonly type: string;
  readonly urn: string;
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
}

/** All changes, the oldest first. */
const releaseChanges: readonly ReleaseChange[] = [
  {
    after: "0.2.0",
    title:
      "CAA records at Cloudflare have numeric flags: the provider refuses to compare them with the texts in the state",
    mend: ({ type, inputs, outputs }) => {
      if (type !== "cloudflare:index/dnsRecord:DnsRecord") return false;
      const mended = [inputs, outputs].map((values) => {
        const data = values?.["data"] as Record<string, unknown> | undefined;
        if (values === undefined || typeof data?.["flags"] !== "string") return false;
        values["data"] = { ...data, flags: Number(data["flags"]) };
        return true;
      });
      return mended.includes(true);
    },
  },
  {
    after: "0.2.0",
    title:
      "The first deployment is an owner's, before the new workflows are on main: the identities preview and deploy get other rights and other conditions, which they may not give themselves",
    commands: ["npm ci && npm run ranges && npm run build", "pulumi up --stack {stack}"],
  },
  {
    after: "0.2.0",
    title: "The workflows install the engine and the providers' plugins by their hashes: merge engine.sha256 with them",
    commands: ["npx artifacts engine-pin"],
  },
  {
    after: "0.2.0",
    title:
      "The preview of a first-time contributor waits for the environment newcomers: give it reviewers, and require the check previewed in the ruleset of main",
    commands: ["gh api --method PUT repos/{repository}/environments/newcomers"],
  },
  {
    after: "0.3.0",
    title:
      "The first deployment is an owner's: the identity preview gets other rights, and where artifacts:fillAbove is set already the jobs get their accounts, roles in AWS and grants, all of which deploy may not give",
    commands: ["npm ci && npm run ranges && npm run build", "pulumi up --stack {stack}"],
  },
];

/** The changes that a stack last deployed by a release has before it. @param from the release, e.g. `0.2.0`. */
export function changesSince(from: string): readonly ReleaseChange[] {
  return releaseChanges.filter(({ after }) => !older(after, from));
}

/** A state with everything mended that has to be, and the names of the resources that were. @param exported JSON of `pulumi stack export`. */
export function mendState(
  exported: string,
  changes: readonly ReleaseChange[],
): { state: string; mended: readonly string[] } {
  const document = JSON.parse(exported) as { deployment?: { resources?: StateEntry[] } };
  const mended = (document.deployment?.resources ?? []).filter((resource) =>
    changes.map(({ mend }) => mend?.(resource) ?? false).includes(true),
  );
  return { state: `${JSON.stringify(document, undefined, 4)}\n`, mended: mended.map(({ urn }) => urn) };
}

function older(version: string, than: string): boolean {
  const [a = [], b = []] = [version, than].map((text) => text.split(".").map(Number));
  for (let part = 0; part < 3; part++) if (a[part] !== b[part]) return (a[part] ?? 0) < (b[part] ?? 0);
  return false;
}
