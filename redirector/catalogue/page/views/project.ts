import type { ProjectDocument, ReleaseSummary, Withdrawn } from "../documents.ts";
import { element } from "../element.ts";
import { formatQuantity, formatSize } from "../text.ts";
import { imageRow } from "./home.ts";
import { contactLink, link, longList, type Shown, trail } from "./parts.ts";
import { publishing } from "./publishing.ts";

/** The view of one project: its images and its releases. */
export function showProject(project: ProjectDocument): Shown {
  const { name, description, images, releases, withdrawn = [], staging } = project;
  const contact = contactLink(project.contact);
  return {
    title: name,
    content: [
      trail(),
      element("h1", {}, name),
      element("p", { class: "lead" }, description),
      ...(contact === undefined ? [] : [element("p", { class: "contact" }, "Contact: ", contact)]),
      ...section("Images", images.length, () =>
        longList(images, element("ul", { class: "rows" }), (image) => imageRow(image, [])),
      ),
      ...section("Files", releases.length, () =>
        longList(releases, element("ul", { class: "rows" }), (release) => releaseRow(name, release)),
      ),
      ...section("Withdrawn", withdrawn.length, () =>
        longList(withdrawn, element("ul", { class: "rows" }), withdrawnRow),
      ),
      ...(staging === undefined ? [] : [publishing(name, staging)]),
    ],
  };
}

function section(name: string, count: number, list: () => readonly Node[]): Node[] {
  return count === 0 ? [] : [element("section", { class: "group" }, element("h2", {}, name), ...list())];
}

/** No link: it is not there any more. */
function withdrawnRow({ name, reason }: Withdrawn): HTMLElement {
  return element("li", {}, element("code", {}, name), element("span", { class: "facts" }, reason));
}

function releaseRow(project: string, { release, files, bytes: size }: ReleaseSummary): HTMLElement {
  return element(
    "li",
    {},
    link({ kind: "files", project, path: release }, release === "" ? "Without a release" : release),
    element("span", { class: "facts" }, formatQuantity(files, "file")),
    element("span", { class: "latest" }, formatSize(size)),
  );
}
