import { CommandError, UsageError } from "./command.ts";

/** Several mistakes as one error, a line each. */
class Mistakes extends CommandError {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(inWords(lines));
    this.lines = lines;
  }
}

/**
 * Does all of some things, and throws the mistakes of all as one error, a line each. Other errors are thrown as they are.
 * @throws UsageError if every mistake is one of the call, else CommandError.
 */
export async function doAll<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Result | Promise<Result>,
): Promise<Awaited<Result>[]> {
  const ended = await Promise.allSettled(items.map(async (item) => await act(item)));
  const reasons: unknown[] = ended.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  const mistakes = reasons.filter((reason) => reason instanceof CommandError || reason instanceof UsageError);
  const [other] = reasons.filter((reason) => !(reason instanceof CommandError || reason instanceof UsageError));
  if (other !== undefined) throw other;
  if (mistakes.length === 1) throw mistakes[0];
  if (mistakes.length > 0) {
    const lines = [...new Set(mistakes.flatMap((one) => (one instanceof Mistakes ? one.lines : [one.message])))];
    throw mistakes.every((one) => one instanceof UsageError) ? new UsageError(inWords(lines)) : new Mistakes(lines);
  }
  return ended.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

function inWords(lines: readonly string[]): string {
  return [`${lines.length} mistakes, nothing was written:`, ...lines.map((line) => `  ${line}`)].join("\n");
}
