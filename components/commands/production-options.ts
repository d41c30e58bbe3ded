import type { Command, OptionValues } from "@commander-js/extra-typings";

/** Adds the options that say which stack's mirrors and manifests a command is about: what `readProduction` reads. */
export function withProduction<Args extends unknown[], Options extends OptionValues>(command: Command<Args, Options>) {
  return command
    .option("--stack <name>", "the stack, whose config is Pulumi.NAME.yaml; local is the running rehearsal", "prod")
    .option("--config <file>", "read the stack's config from this file instead")
    .option(
      "--state <file>",
      "take the mirrors' addresses from an export of the stack's state (pulumi stack export --file FILE)",
    )
    .option("--manifests <folder>", "the folder of the projects' folders, instead of the config's");
}
