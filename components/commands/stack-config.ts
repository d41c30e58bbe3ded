import type { StackConfig } from "../stack/config.ts";
import { readStackFile, stackProblemLine } from "../stack/stack-file.ts";
import { CommandError } from "./command.ts";
import { printDetail } from "./output.ts";

/**
 * The config of a stack, from its file.
 * @param given its file, where it is not `Pulumi.<stack>.yaml`.
 * @param otherwise what else to do when there is no such file.
 * @throws CommandError if there is none, or with every mistake in it and its line.
 */
export async function stackConfig(
  stack: string,
  given?: string,
  otherwise = "name the stack with --stack, or write it with npm run init",
): Promise<StackConfig> {
  const file = given ?? `Pulumi.${stack}.yaml`;
  printDetail(`reads the config of ${file}`);
  const read = await readStackFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR")
      throw new CommandError(`there is no ${file}: ${otherwise}`);
    throw error;
  });
  if ("errors" in read)
    throw new CommandError(`nothing was done: ${file} has errors:\n${read.errors.map(stackProblemLine).join("\n")}`);
  return read.config;
}
