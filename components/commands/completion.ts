/**
 * Completion for bash, zsh and fish. `artifacts completion SHELL` prints a script; the script calls `artifacts complete -- WORDS`, which prints
 * what may stand in place of the last word. The scripts are ours: those of npm's libraries evaluate the line that is being typed.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Argument, Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { printRaw } from "./output.ts";

/** What the hidden command is called by which the scripts ask. */
export const completionRequest = "complete";

const scripts = {
  bash: (program: string) => `_artifacts() {
  local IFS=$'\\n'
  COMPREPLY=($(${program} ${completionRequest} -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
artifacts() { ${program} "$@"; }
complete -o bashdefault -o default -F _artifacts artifacts
`,
  zsh: (program: string) => `_artifacts() {
  local -a found
  found=("\${(@f)$(${program} ${completionRequest} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found[1]" ]]; then compadd -a found; else _files; fi
}
artifacts() { ${program} "$@" }
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _artifacts artifacts
`,
  fish: (program: string) => `function artifacts
  ${program} $argv
end
complete -c artifacts -a '(${program.replaceAll("'", "\\'")} ${completionRequest} -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
} as const;

/** `artifacts completion SHELL`. */
export function completionCommand(): CommandUnknownOpts {
  return new Command("completion")
    .summary("print a script that completes artifacts in a shell")
    .description(
      'Prints a script that defines artifacts as the command of this clone, and completes it. For bash, in ~/.bashrc: eval "$(npx artifacts completion bash)"; zsh alike; fish: npx artifacts completion fish | source',
    )
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .action((shell) => {
      const program = join(import.meta.dirname, "artifacts.mjs");
      printRaw(scripts[shell](`'${program.replaceAll("'", `'\\''`)}'`));
    });
}

/**
 * What may stand in place of the last of some words: commands, options, values of options and arguments. Nothing: a file, or what nobody
 * knows.
 * @param line the parser with all commands.
 * @param words the words after `artifacts`; the last is being typed, and may be empty.
 */
export function completionsOf(line: CommandUnknownOpts, words: readonly string[]): string[] {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const command = line.commands.find((one) => one.name() === before[0]);
  const found = (): readonly string[] => {
    if (command === undefined)
      return before.length > 0
        ? []
        : line
            .createHelp()
            .visibleCommands(line)
            .map((one) => one.name());
    const last = command.options.find(({ long, short }) => [long, short].includes(before.at(-1)));
    if (last !== undefined && !last.isBoolean()) return last.argChoices ?? valuesFor(last.attributeName());
    if (typed.startsWith("-")) return [...command.options.flatMap(({ long }) => long ?? []), "--help"];
    const position = before.slice(1).filter((word) => !word.startsWith("-")).length;
    const argument =
      command.registeredArguments[position] ?? command.registeredArguments.findLast(({ variadic }) => variadic);
    return argument?.argChoices ?? valuesFor(argument?.name() ?? "");
  };
  return [...new Set(found())].filter((word) => word.startsWith(typed)).sort();
}

/** Values that this folder has for an argument or option of that name: projects and stacks. */
function valuesFor(name: string): string[] {
  const names = (folder: string) => {
    try {
      return readdirSync(folder, { withFileTypes: true });
    } catch {
      return [];
    }
  };
  switch (name) {
    case "project":
      return names("manifests").flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
    case "stack":
      return names(".").flatMap((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry.name)?.[1] ?? []);
    default:
      return [];
  }
}
