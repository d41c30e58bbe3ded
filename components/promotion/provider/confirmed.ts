/** Whether the removal of a project, or of a large part of it, from production is confirmed. */
export type Confirmed = (project: string) => boolean;

/**
 * Reads the provider's setting `promotion:confirmRemoval`: names of projects, as a list or separated by commas; `*` = all.
 * Throws if it is something else.
 */
export function parseConfirmed(value: unknown): Confirmed {
  const names = new Set(listOf(value));
  return (project) => names.has(project) || names.has("*");
}

/**
 * The current setting. The engine passes the plugin the stack's current config of its namespace in PULUMI_CONFIG. In
 * a destroy, or when the last promotion is removed, `configure` receives only what the state recorded in an earlier
 * run.
 */
export function currentSetting(remembered: unknown, environment: NodeJS.ProcessEnv = process.env): unknown {
  const current = environment["PULUMI_CONFIG"];
  if (current === undefined) return remembered;
  return (JSON.parse(current) as Record<string, unknown>)["confirmRemoval"];
}

/** How the user confirms, for the message of a refused removal. */
export function howToConfirm(project: string): string {
  return (
    `If it is meant: list what goes in manifests/${project}/withdrawn.yaml; or, for one run, ` +
    `\`pulumi config set promotion:confirmRemoval ${project}\`, run again, ` +
    "then `pulumi config rm promotion:confirmRemoval`"
  );
}

function listOf(value: unknown): string[] {
  if (value === undefined || value === "") return [];
  if (typeof value !== "string") throw new Error("promotion:confirmRemoval must be the name of one or more projects");
  // A list in the stack's config arrives as JSON.
  const parsed: unknown = value.startsWith("[") ? JSON.parse(value) : value.split(",");
  if (!Array.isArray(parsed) || !parsed.every((name) => typeof name === "string")) {
    throw new Error("promotion:confirmRemoval must be the name of a project, or a list of names");
  }
  return parsed.map((name) => name.trim()).filter((name) => name !== "");
}
