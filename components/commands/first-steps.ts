import { Command } from "@commander-js/extra-typings";
import { type FirstStep, firstSteps } from "../stack/first-steps.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { stackConfig } from "./stack-config.ts";
import { stepLines } from "./step-lines.ts";

/** `artifacts steps`. */
export const stepsCommand = new Command("steps")
  .summary("print what people do by hand to put a stack into operation")
  .description(
    "Prints what people do by hand to put a stack into operation, before the first deployment and after it, in order, with the commands. Runs nothing.",
  )
  .option("--stack <name>", "the stack, in Pulumi.NAME.yaml", "prod")
  .option("--config-file <file>", "its file, where it is another one")
  .option("--json", 'one JSON document: {"before": [{title, commands, note}], "after": [...]}')
  .action(async (values) => {
    const steps = firstSteps(await stackConfig(values.stack, values.configFile), values.stack);
    printJson(steps);
    const print = (title: string, list: readonly FirstStep[]): void => {
      printNote(title);
      for (const line of stepLines(list)) printResult(line);
    };
    print("Before the first deployment, in this order:\n", steps.before);
    print("\nAfterwards:\n", steps.after);
  });
