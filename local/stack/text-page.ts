import type { RehearsalPage, Step } from "./page.ts";

/** How many digests of a project a terminal shows. */
const shownDigests = 5;

/** The page for a terminal. */
export function textPage(page: RehearsalPage): string {
  const total = page.kinds.reduce((sum, { count }) => sum + count, 0);
  const sections: [string, string[]][] = [
    [
      "Resources by kind",
      table([
        ...page.kinds.map(({ cloud, kind, count }) => [cloud, kind, String(count)]),
        ["", "in all", String(total)],
      ]),
    ],
    ["Who may do what", table(page.rights.map(({ who, role, on }) => [short(who, 70), short(role, 60), on]))],
    ["Host names", page.hosts.map((host) => `https://${host}`)],
    [
      page.enteredByHand
        ? "DNS records, entered by hand (addresses are examples)"
        : "DNS records (addresses are examples)",
      [...page.records],
    ],
    [
      "Staging areas",
      table(page.staging.map(({ project, registry = "", bucket = "" }) => [project, registry, bucket])),
    ],
    [
      "Rehearsed: pushed, promoted, pulled, removed",
      page.rehearsed.flatMap(({ project, mirrors, pulled }) => [
        `${project}: in the mirrors of ${mirrors.join(", ")}`,
        ...pulled.map((line) => `  ${line}`),
      ]),
    ],
    ["Not rehearsed: the content of these digests is not on this machine", notRehearsed(page)],
    ["By hand, before the first deployment", steps(page.steps.before)],
    ["By hand, afterwards", steps(page.steps.after)],
    ["Cost", [...table([page.cost.head, ...page.cost.rows], 2), page.cost.note]],
  ];
  const texts = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `== ${title}\n${indented(lines)}`);
  return [`== Stack ${page.stack} of ${page.organization} (${page.file})`, ...texts].join("\n\n");
}

function notRehearsed({ notRehearsed: projects }: RehearsalPage): string[] {
  return projects.flatMap(({ name, promoted }) => [
    `${name}: ${promoted.length}`,
    ...promoted.slice(0, shownDigests).map((line) => `  ${line}`),
    ...(promoted.length > shownDigests ? [`  ... and ${promoted.length - shownDigests} more`] : []),
  ]);
}

function steps(list: readonly Step[]): string[] {
  return list.flatMap(({ title, commands, note }, index) => [
    `${index + 1}. ${title}`,
    ...commands.map((command) => `     $ ${command}`),
    ...(note === undefined ? [] : [`   (${note})`]),
  ]);
}

/** Rows with their columns below each other. @param numbersFrom the first column of amounts, which end below each other. */
function table(rows: readonly (readonly string[])[], numbersFrom = Number.POSITIVE_INFINITY): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column < numbersFrom ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

function short(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `   ${line}`).join("\n");
}
