/** The file of a stack's state, as far as commands read it. Pure. */
import { CommandError } from "./command.ts";

/** The parts of a stack's state that are read. */
interface StackState {
  readonly resources?: readonly {
    readonly type?: string;
    readonly inputs?: Readonly<Record<string, unknown>>;
    readonly outputs?: Readonly<Record<string, unknown>>;
    readonly modified?: string;
    /** Of a resource whose last update was not complete: why. */
    readonly initErrors?: readonly string[];
  }[];
  /** What the engine had begun and has not recorded the end of. */
  readonly pending_operations?: readonly {
    /** `creating`, `updating`, `deleting`, `reading` or `importing`. */
    readonly type?: string;
    readonly resource?: { readonly urn?: string };
  }[];
}

/** What `pulumi stack export` writes, or the object in the state's bucket. */
interface StateFile {
  readonly deployment?: StackState;
  readonly checkpoint?: { readonly latest?: StackState };
}

/**
 * Reads what `pulumi stack export` writes, or the object in the state's bucket.
 * @param from the file's name, for messages.
 * @throws CommandError if it is no state.
 */
export function parseState(text: string, from: string): StackState {
  const write = `write it with pulumi stack export --file ${from}`;
  let file: StateFile | null;
  try {
    file = JSON.parse(text) as StateFile | null;
  } catch {
    throw new CommandError(`${from} is not JSON: ${write}`);
  }
  const state = file?.deployment ?? file?.checkpoint?.latest;
  // That of a stack that was never deployed has no resources. Nothing else may pass for it: status would say that all is well.
  if (typeof state === "object" && state !== null && Array.isArray(state.resources ?? [])) return state;
  throw new CommandError(`${from} is no export of a stack's state: ${write}`);
}
