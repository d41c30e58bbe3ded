import { fileAddress } from "../address.ts";
import { fileCommand } from "../commands.ts";
import { copyLine } from "../copy-button.ts";
import type { ProjectDocument, ReleaseDetails, ReleaseFile } from "../documents.ts";
import { element, unseen } from "../element.ts";
import { formatQuantity, formatSize, shortDigest } from "../text.ts";
import { link, longList, type Shown, trail } from "./parts.ts";

/** The view of one release's files. `file`: path, relative to the project's files, of the file to open. */
export function showFiles(
  project: ProjectDocument,
  details: ReleaseDetails,
  file: string | undefined,
  origin: string,
): Shown {
  const { release, files } = details;
  const name = release === "" ? "Files without a release" : release;
  const total = files.reduce((sum, one) => sum + one.bytes, 0);
  const prefix = commonFolder(files);
  const wanted = file === undefined ? undefined : files.find(({ path }) => path.endsWith(`/${file}`));
  let target: HTMLDetailsElement | undefined;
  const rows = longList(
    wanted === undefined ? files : [wanted, ...files.filter((one) => one !== wanted)],
    element("div", { class: "versions files" }),
    (one) => {
      const made = fileEntry(one, prefix, origin);
      if (one === wanted) target = made;
      return made;
    },
  );
  return {
    title: `${name} \u2013 ${project.name}`,
    target,
    content: [
      trail(link({ kind: "project", project: project.name }, project.name)),
      element("h1", {}, project.name, " ", element("span", { class: "version" }, release)),
      element(
        "p",
        { class: "lead" },
        `${formatQuantity(files.length, "file")}, ${formatSize(total)}, each with the command that downloads and verifies it.`,
      ),
      ...(file !== undefined && wanted === undefined
        ? [element("p", { class: "warning" }, `The file ${file} is not in production.`)]
        : []),
      ...(wanted !== undefined && files.length > 1
        ? [element("p", { class: "order" }, "The requested file comes first, then all others by name.")]
        : []),
      ...rows,
    ],
  };
}

function fileEntry(file: ReleaseFile, prefix: string, origin: string): HTMLDetailsElement {
  const name = file.path.slice(prefix.length);
  const summary = element(
    "summary",
    {},
    element("span", { class: "name" }, name),
    element(
      "code",
      { class: "digest" },
      unseen("sha256 "),
      shortDigest(`sha256:${file.sha256}`).slice("sha256:".length),
    ),
    element("span", { class: "size" }, formatSize(file.bytes)),
  );
  const entry = element("details", {}, summary);
  const fill = (): void => {
    if (!entry.open || entry.children.length > 1) return;
    entry.append(
      element(
        "div",
        { class: "inside" },
        element("h2", { class: "first" }, "Download and verify"),
        copyLine(fileCommand(origin, file), `the command for ${name}`),
        element("h2", {}, "SHA-256"),
        copyLine(file.sha256, `the SHA-256 of ${name}`),
        element(
          "p",
          {},
          element("a", { href: fileAddress(file.path), "data-outside": true }, "Download"),
          ` ${formatSize(file.bytes)}`,
        ),
      ),
    );
  };
  entry.addEventListener("toggle", fill);
  return entry;
}

/** The common folder of all files, with a slash at the end. */
function commonFolder(files: readonly ReleaseFile[]): string {
  const [first = "", ...others] = files.map(({ path }) => path);
  let end = first.lastIndexOf("/") + 1;
  for (const path of others) {
    while (!path.startsWith(first.slice(0, end))) end = first.lastIndexOf("/", end - 2) + 1;
  }
  return first.slice(0, end);
}
