import { stagingCommands } from "../commands.ts";
import type { PushTargets } from "../documents.ts";
import { element } from "../element.ts";
import { commandList } from "./command-list.ts";

/** For the people of a project: where they push, how, and what puts it into production. */
export function publishing(project: string, staging: PushTargets): HTMLElement {
  return element(
    "section",
    { class: "group" },
    element("h2", {}, "For the people of this project"),
    element(
      "p",
      { class: "aside" },
      "Push to the staging area, which only you can write to and nobody can pull from. A pull request then puts it into production",
      ...links(staging.source),
    ),
    commandList(stagingCommands(project, staging)),
  );
}

/** Links into the repository of the manifests; none if its address is not one of the web. */
function links(source: string): (Node | string)[] {
  if (URL.parse(source)?.protocol !== "https:") return ["."];
  const outside = (path: string, text: string): HTMLElement =>
    element("a", { href: `${source}${path}`, rel: "noreferrer" }, text);
  return [
    ": ",
    outside("#a-change-from-the-projects-side", "how to publish"),
    ", ",
    outside("/blob/HEAD/components/manifests/README.md", "the manifests"),
    ".",
  ];
}
