import { isEmpty, type ProjectDifference } from "../manifests/difference.ts";
import type { Withdrawal } from "../manifests/project.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import type { GuardSays } from "./change-guards.ts";
import type { engineLists } from "./engine-lists.ts";
import { markdownCode } from "./markdown-code.ts";
import { markdownList } from "./markdown-list.ts";

/** Rows of the table, and items of each list, that the summary shows. The details have all. */
const maximalRows = 40;
/** Characters of each list: all of them fit into a comment. */
const maximalListLength = 6000;

/** What a change of the manifests does, as Markdown that is read in half a minute: a table of the projects, what stops it, what a reviewer must know. */
export function changeSummary(
  differences: readonly ProjectDifference[],
  guards: readonly GuardSays[],
  { attachments, trust }: ReturnType<typeof engineLists> = { attachments: [], trust: [] },
): string {
  const rows = differences.slice(0, maximalRows).map(row);
  const more = differences.length - rows.length;
  const table = [
    "| project | tags and digests | files | moved tags | folder |",
    "|---|---|---|---|---|",
    ...rows,
    ...(more > 0 ? [`| and ${countOf(more, "more project")} | | | | |`] : []),
  ].join("\n");
  return [
    differences.length === 0 ? "Nothing that is promoted changes." : table,
    list("This stops it", guards.filter(({ stops }) => stops).map(said)),
    list("Look at this", guards.filter(({ stops }) => !stops).map(said)),
    list("Settings", differences.flatMap(settings)),
    list(
      "Withdrawn",
      differences.flatMap(({ project, withdrawn }) => withdrawals(project, withdrawn)),
    ),
    list(
      "Who signed and built the new images",
      trust.map((line) => markdownCode(line)),
    ),
    list(
      "Attached to the new images",
      attachments.map((line) => markdownCode(line)),
    ),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function row({ project, before, after, images, files }: ProjectDifference): string {
  const count = ({ added, removed }: { added: readonly string[]; removed: readonly string[] }) =>
    [
      added.length > 0 ? `+${formatCount(added.length)}` : "",
      removed.length > 0 ? `−${formatCount(removed.length)}` : "",
    ]
      .filter((part) => part !== "")
      .join(" ");
  const moved = images.moved.length + files.moved.length;
  const folder = before === undefined ? "new" : after === undefined ? "gone" : isEmpty(images, files) ? "settings" : "";
  return `| ${markdownCode(project)} | ${count(images)} | ${count(files)} | ${moved > 0 ? formatCount(moved) : ""} | ${folder} |`;
}

function said({ project, message }: GuardSays): string {
  return `${markdownCode(project)}: ${message}`;
}

function settings({ project, settings: changed }: ProjectDifference): string[] {
  return changed.map(
    ({ key, before, after }) =>
      `${markdownCode(project)}: ${markdownCode(key)} from ${markdownCode(before)} to ${markdownCode(after)}`,
  );
}

/** Everything that a change withdraws, one line each with its reason: the summary shows some of each reason. */
export function withdrawnLines(differences: readonly ProjectDifference[]): string[] {
  return differences.flatMap(({ project, withdrawn }) =>
    withdrawn.map((one) => {
      const reference = one.reference === undefined ? "" : ` (${one.reference})`;
      return `${project}: ${withdrawnName(one)}: ${one.reason}${reference}`;
    }),
  );
}

/** What a project withdraws, an item for each reason. */
function withdrawals(project: string, withdrawn: readonly Withdrawal[]): string[] {
  const byReason = Map.groupBy(withdrawn, ({ reason, reference }) => JSON.stringify([reason, reference]));
  return [...byReason.values()].map((group) => {
    const [{ reason, reference } = { reason: "", reference: undefined }] = group;
    const shown = group.slice(0, 3).map((one) => markdownCode(withdrawnName(one)));
    const more = group.length - shown.length;
    const names = [...shown, ...(more > 0 ? [`and ${formatCount(more)} more, in the details`] : [])].join(", ");
    const cited = reference === undefined ? "" : ` (${markdownCode(reference)})`;
    return `${markdownCode(project)}: ${names}: ${markdownCode(reason)}${cited}`;
  });
}

function withdrawnName(one: Withdrawal): string {
  return "file" in one ? one.file : "digest" in one ? `${one.image}@${one.digest}` : `${one.image}:${one.tag}`;
}

function list(heading: string, items: readonly string[]): string {
  return markdownList(heading, items, { items: maximalRows, length: maximalListLength });
}
