import { Command, Option } from "@commander-js/extra-typings";
import { parseConfig } from "../../redirector/config.ts";
import { mirrorAddresses } from "../mirrors/mirror-names.ts";
import { mirrorsConfig, redirectorConfigArgs, regionConfig } from "../serving/redirector-config.ts";
import { regions, servingRegions } from "../stack/geography.ts";
import { CommandError } from "./command.ts";
import { printResult } from "./output.ts";
import { stackConfig } from "./stack-config.ts";

/** `artifacts redirector-config`. */
export const redirectorConfigCommand = new Command("redirector-config")
  .summary("print the configuration of a redirector that runs outside of the stack")
  .description(
    `Prints the configuration of the redirector as JSON, from the stack's config alone: for a container that serves while Google Cloud cannot
(docs/operating.md). The mirrors have the addresses that the program gives them.`,
  )
  .option("--stack <name>", "the stack, whose config is Pulumi.NAME.yaml", "prod")
  .option("--config-file <file>", "its file, where it is another one")
  .option(
    "--near <region>",
    "the region of Google Cloud or AWS that it runs near to (default the first of artifacts:gcpRegions that is no multi-region)",
  )
  .addOption(new Option("--without <cloud>", "leave out the mirrors in this cloud").choices(["gcp", "aws"]))
  .option("--trusted-hops <number>", "addresses that your proxies append to X-Forwarded-For after the client's", "0")
  .action(async (values) => {
    const config = await stackConfig(values.stack, values.configFile);
    const near = regions.find(({ name }) => name === (values.near ?? servingRegions(config.gcpRegions)[0].name));
    if (near === undefined)
      throw new CommandError(`--near ${values.near}: must be the name of a region of Google Cloud or AWS`);
    const args = redirectorConfigArgs(config);
    const all = mirrorsConfig(mirrorAddresses(config), args);
    const stays = ({ cloud }: { cloud: string }) => cloud !== values.without;
    const mirrors = { imageMirrors: all.imageMirrors.filter(stays), fileMirrors: all.fileMirrors.filter(stays) };
    const text = JSON.stringify(
      regionConfig(args, near, mirrors, { trustedHops: Number(values.trustedHops) }),
      undefined,
      2,
    );
    const read = parseConfig(text);
    if ("errors" in read) throw new CommandError(read.errors.join("\n"));
    printResult(text);
  });
