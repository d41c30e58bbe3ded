import type { CatalogueIndex } from "../documents.ts";
import { element } from "../element.ts";
import { findNames, readQuery } from "../search.ts";
import { link, nothing, type Shown } from "./parts.ts";

/** The view of a URL that names nothing, with images that may be meant: people paste image names into the browser. */
export function showNotFound(index: CatalogueIndex | undefined, path: string, host: string, message: string): Shown {
  const names = guesses(index, path, host);
  return {
    title: "Not found",
    content: [
      element("h1", {}, message.charAt(0).toUpperCase() + message.slice(1)),
      element("p", { class: "lead" }, element("code", {}, path)),
      ...(path.startsWith("/v2/")
        ? [
            element(
              "p",
              { class: "aside" },
              "Paths below /v2/ are for container clients: ",
              element("code", {}, `docker pull ${host}/<image>:<tag>`),
            ),
          ]
        : []),
      ...(names.length > 0
        ? [
            element(
              "section",
              { class: "group" },
              element("h2", {}, "Did you mean"),
              element(
                "ul",
                { class: "rows" },
                ...names.map((repository) =>
                  element("li", {}, link({ kind: "image", repository, reference: undefined }, repository)),
                ),
              ),
            ),
          ]
        : [
            nothing(
              "Search above for a name, a tag or a digest, or see ",
              link({ kind: "home", query: "" }, "all projects"),
              ".",
            ),
          ]),
    ],
  };
}

/** Images whose name the path has, whole or in its last part. */
function guesses(index: CatalogueIndex | undefined, path: string, host: string): string[] {
  if (index === undefined) return [];
  const { words } = readQuery(path.replace(/^\/(?:images|v2)?\/?/, ""), host);
  const [name = ""] = words;
  const exact = index.projects
    .flatMap(({ images }) => images)
    .filter(({ repository }) => name !== "" && name.startsWith(repository));
  const last = name.slice(name.lastIndexOf("/") + 1);
  const found = exact.length > 0 || last === "" ? exact : findNames(index, { words: [last] }).images;
  return found.slice(0, 8).map(({ repository }) => repository);
}
