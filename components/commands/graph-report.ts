import { z } from "zod";
import { formatCount } from "../promotion/text/format-count.ts";
import { markdownCode } from "./markdown-code.ts";
import { markdownList } from "./markdown-list.ts";
import type { Detail } from "./preview-comment.ts";

const named = { type: z.string(), name: z.string() };

/** What local/graph/compare.ts prints: texts in it are whatever the two programs say. */
export const graphComparison = z.object({
  /** Why the program of the base or of the head declares nothing. */
  failures: z.object({ base: z.string().optional(), head: z.string().optional() }),
  difference: z
    .object({
      made: z.array(z.object({ ...named, inputs: z.array(z.string()) })),
      changed: z.array(z.object({ ...named, lines: z.array(z.string()), replaces: z.array(z.string()) })),
      removed: z.array(z.object({ ...named, protect: z.boolean() })),
      gained: z.array(z.string()),
      lost: z.array(z.string()),
      refused: z.array(z.string()),
    })
    .optional(),
});

type GraphComparison = z.output<typeof graphComparison>;
type GraphDifference = NonNullable<GraphComparison["difference"]>;

/** Items of each list that the summary shows. The details have all. */
const maximalItems = 30;

/** The difference of two graphs of resources for a reviewer: a title, a summary in Markdown, and hostile details. Pure. */
export function graphReport({ failures, difference }: GraphComparison): {
  readonly title: string;
  readonly summary: string;
  readonly details: readonly Detail[];
} {
  if (difference === undefined) {
    const which = failures.head === undefined ? "The main branch's program" : "The program of this change";
    return {
      title: "This change of the program cannot be previewed",
      summary: `${which} declares no resources: why is in the details.`,
      details: [
        { heading: "The main branch", text: failures.base ?? "" },
        { heading: "This change", text: failures.head ?? "" },
      ].filter(({ text }) => text !== ""),
    };
  }
  const { made, changed, removed, gained, lost, refused } = difference;
  const replaced = changed.filter(({ replaces }) => replaces.length > 0);
  const updated = changed.filter(({ replaces }) => replaces.length === 0);
  const isSame = [made, changed, removed, gained, lost, refused].every(({ length }) => length === 0);
  return {
    title: isSame ? "This change makes no difference to the resources" : "What this change does to the resources",
    summary: [
      tableOf({ made, changed: updated, replaced, removed }),
      listOf("The providers refuse", refused),
      listOf("Who gains a right", gained),
      listOf("Who loses a right", lost),
      caution,
    ]
      .filter((part) => part !== "")
      .join("\n\n"),
    details: [
      { heading: "Replaced: removed and made anew", text: replaced.map(changedText).join("\n") },
      {
        heading: "Removed",
        text: removed
          .map(
            ({ type, name, protect }) =>
              `- ${name} (${type})${protect ? ", which is protected: the engine refuses" : ""}`,
          )
          .join("\n"),
      },
      { heading: "Changed", text: updated.map(changedText).join("\n") },
      { heading: "Made", text: made.map(madeText).join("\n") },
      { heading: "Rights gained", text: gained.map((line) => `+ ${line}`).join("\n") },
      { heading: "Rights lost", text: lost.map((line) => `- ${line}`).join("\n") },
      { heading: "Refused by the providers", text: refused.join("\n") },
    ].filter(({ text }) => text !== ""),
  };
}

/** Whoever reads the comment has to know what it is worth. */
const caution =
  "The record of this change was made by running its code, without any right, on emulated providers: it shows what a change does that means no harm, and proves nothing of one that does. Review the code.";

function tableOf(groups: Readonly<Record<string, readonly { readonly type: string }[]>>): string {
  const rows = Object.entries(groups)
    .filter(([, group]) => group.length > 0)
    .map(([what, group]) => `| ${what} | ${formatCount(group.length)} | ${kindsOf(group)} |`);
  return rows.length === 0
    ? "No resource is made, changed or removed."
    : ["| | resources | of type |", "|---|---|---|", ...rows].join("\n");
}

/** `3 Bucket, 1 Repository`: the most frequent first. */
function kindsOf(group: readonly { readonly type: string }[]): string {
  const counts = new Map<string, number>();
  for (const { type } of group) {
    const kind = type.slice(type.lastIndexOf(":") + 1);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const kinds = [...counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  const shown = kinds.slice(0, 8).map(([kind, count]) => `${formatCount(count)} ${markdownCode(cell(kind))}`);
  return [...shown, ...(kinds.length > 8 ? [`and ${kinds.length - 8} more types`] : [])].join(", ");
}

/** GitHub ends a cell of a table at `|` also within a code span. */
function cell(text: string): string {
  return text.replaceAll("|", "¦");
}

function listOf(heading: string, items: readonly string[]): string {
  return markdownList(
    heading,
    items.map((item) => markdownCode(item)),
    { items: maximalItems },
  );
}

function changedText({ type, name, lines, replaces }: GraphDifference["changed"][number]): string {
  const because = replaces.length > 0 ? `, for ${replaces.join(", ")}` : "";
  return [`! ${name} (${type})${because}`, ...lines.map((line) => `${line.slice(0, 1)}     ${line.slice(2)}`)].join(
    "\n",
  );
}

function madeText({ type, name, inputs }: GraphDifference["made"][number]): string {
  return [`+ ${name} (${type})`, ...inputs.map((line) => `      ${line}`)].join("\n");
}
