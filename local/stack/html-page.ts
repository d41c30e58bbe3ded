import type { RehearsalPage, Step } from "./page.ts";

/** The page as one HTML file that needs nothing else. Texts from manifests are escaped. */
export function htmlPage(page: RehearsalPage): string {
  const total = page.kinds.reduce((sum, { count }) => sum + count, 0);
  const sections = [
    section("By hand, before the first deployment", steps(page.steps.before)),
    section("By hand, afterwards", steps(page.steps.after)),
    section(
      "Host names",
      list(page.hosts.map((host) => `https://${host}`)) +
        heading(
          page.enteredByHand
            ? "DNS records, entered by hand (addresses are examples)"
            : "DNS records (addresses are examples)",
        ) +
        pre(page.records.join("\n")),
    ),
    section(
      "Staging areas",
      table(
        ["project", "registry", "bucket"],
        page.staging.map(({ project, registry, bucket }) => [project, registry ?? "–", bucket ?? "–"]),
      ),
    ),
    section(
      `Resources by kind: ${total}`,
      table(
        ["cloud", "kind", "count"],
        page.kinds.map(({ cloud, kind, count }) => [cloud, kind, String(count)]),
      ),
    ),
    section(
      "Who may do what",
      table(
        ["who", "role or actions", "on"],
        page.rights.map(({ who, role, on }) => [who, role, on]),
      ),
    ),
    section(
      "Rehearsed: pushed, promoted, pulled, removed",
      table(
        ["project", "in the mirrors of", "clients"],
        page.rehearsed.map(({ project, mirrors, pulled }) => [project, mirrors.join(", "), pulled.join("\n")]),
      ),
    ),
    page.notRehearsed.length === 0
      ? ""
      : section(
          "Not rehearsed: the content of these digests is not on this machine",
          page.notRehearsed
            .map(
              ({ name, promoted }) =>
                `<details><summary>${escaped(name)}: ${promoted.length}</summary>${pre(promoted.join("\n"))}</details>`,
            )
            .join(""),
        ),
    section("Cost", table(page.cost.head, page.cost.rows, 2) + small(page.cost.note)),
  ];
  const title = escaped(`Rehearsal of stack ${page.stack}`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${style}</style>
<h1>${title}</h1>
<p>Organisation <b>${escaped(page.organization)}</b>, config <code>${escaped(page.file)}</code>, on emulated clouds.</p>
${sections.join("\n")}
</html>
`;
}

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; overflow-wrap: anywhere; white-space: pre-line; }
th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; padding-left: .8rem; padding-right: 0; font-variant-numeric: tabular-nums; }
pre { background: #8881; padding: .6rem .8rem; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; }
li { margin: .6rem 0; } small { opacity: .75; }
`;

function section(title: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2>${content}</section>`;
}

function heading(title: string): string {
  return `<h3>${escaped(title)}</h3>`;
}

function steps(all: readonly Step[]): string {
  const items = all.map(
    ({ title, commands, note }) =>
      `<li>${escaped(title)}${commands.length > 0 ? pre(commands.join("\n")) : ""}${note === undefined ? "" : small(note)}</li>`,
  );
  return `<ol>${items.join("")}</ol>`;
}

/** @param numbersFrom the first column of amounts. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbersFrom = Number.POSITIVE_INFINITY,
): string {
  const cell = (tag: string, text: string, column: number): string =>
    `<${tag}${column < numbersFrom ? "" : ' class="number"'}>${escaped(text)}</${tag}>`;
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((text, column) => cell(tag, text, column)).join("")}</tr>`;
  return `<table>${cells("th", head)}${rows.map((row) => cells("td", row)).join("")}</table>`;
}

function list(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li><code>${escaped(item)}</code></li>`).join("")}</ul>`;
}

function small(text: string): string {
  return `<p><small>${escaped(text)}</small></p>`;
}

function pre(text: string): string {
  return `<pre>${escaped(text)}</pre>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
