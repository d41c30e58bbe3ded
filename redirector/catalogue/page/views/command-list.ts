import type { TerminalCommand } from "../commands.ts";
import { copyLine } from "../copy-button.ts";
import { element } from "../element.ts";

/** A list of commands, each with a button that copies it. */
export function commandList(commands: readonly TerminalCommand[]): HTMLElement {
  return element(
    "ul",
    { class: "commands" },
    ...commands.map(({ label, line, note }) =>
      element(
        "li",
        {},
        element("span", { class: "label" }, label),
        copyLine(line, `the command: ${label}`),
        note !== undefined && element("p", { class: "note" }, note),
      ),
    ),
  );
}
