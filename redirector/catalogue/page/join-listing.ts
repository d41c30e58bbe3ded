/** Joins the parts of the listing. Parts have the projects as their hashes fall; the page shows projects by name. */
export function joinListing(texts: readonly string[]): string {
  const blocks = texts.flatMap(projectsIn);
  return blocks
    .sort((a, b) => (a.project < b.project ? -1 : a.project > b.project ? 1 : 0))
    .map(({ lines }) => lines)
    .join("");
}

/** The lines of each project in a part, which is sorted by project. */
function projectsIn(text: string): { readonly project: string; readonly lines: string }[] {
  const found: { project: string; lines: string }[] = [];
  let [begin, present] = [0, projectAt(text, 0)];
  for (let at = 0; at < text.length; ) {
    const line = text.indexOf("\n", at);
    at = line < 0 ? text.length : line + 1;
    const project = at < text.length ? projectAt(text, at) : undefined;
    if (project === present && project !== undefined) continue;
    found.push({ project: present, lines: text.slice(begin, at) });
    [begin, present] = [at, project ?? ""];
  }
  return found;
}

/** The second field of the line that begins here. */
function projectAt(text: string, start: number): string {
  const from = text.indexOf("\t", start) + 1;
  return text.slice(from, text.indexOf("\t", from));
}
