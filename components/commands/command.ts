/** A mistake in how a command was called. */
export class UsageError extends Error {}

/** Why a command could not do what it was asked, for people: no stack is shown. */
export class CommandError extends Error {}

/**
 * Runs a command on the process's arguments and sets the exit code: what `main` returns; 2 with the usage for a wrong
 * call; 1 with the message for a CommandError. Prints the usage for --help. Other errors are ours and keep their stack.
 */
export async function runCommand(usage: string, main: (args: string[]) => Promise<number>): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) {
    console.log(usage);
    return;
  }
  try {
    process.exitCode = await main(args);
  } catch (error) {
    if (error instanceof CommandError) {
      console.error(`error: ${error.message}`);
      process.exitCode = 1;
    } else if (error instanceof UsageError || isArgumentError(error)) {
      console.error(`error: ${error.message}\n\n${usage}`);
      process.exitCode = 2;
    } else throw error;
  }
}

/**
 * Does what needs a server; its failures (unreachable, refused, not logged in) are the user's to mend, so they become a
 * CommandError. Mistakes of ours keep their stack.
 */
export async function asking<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    const ours = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
    if (error instanceof CommandError || error instanceof UsageError || !(error instanceof Error) || ours) throw error;
    const login = /default credentials/i.test(error.message) ? "; run gcloud auth application-default login" : "";
    throw new CommandError(`${what}: ${error.message}${login}`);
  }
}

/** What node:util parseArgs throws for options that it does not know or that lack a value. */
function isArgumentError(error: unknown): error is Error {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");
}
