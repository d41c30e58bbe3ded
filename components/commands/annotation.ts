import type { Problem } from "../manifests/problem.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";

/**
 * A problem as a workflow command that GitHub shows at the line of a pull request (docs.github.com, "Workflow commands
 * for GitHub Actions"). The escapes are those of actions/toolkit, `packages/core/src/command.ts`: no file name and no
 * message can end the command or begin another.
 */
export function annotation({ severity, file, line, column, message }: Problem): string {
  return `::${severity} file=${property(escapeUnprintable(file))},line=${line},col=${column}::${data(escapeUnprintable(message))}`;
}

function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
