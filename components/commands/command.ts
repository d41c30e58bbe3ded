/** A mistake in how a command was called. */
export class UsageError extends Error {}

/** Why a command could not do what it was asked, for people: no stack is shown. */
export class CommandError extends Error {}

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
