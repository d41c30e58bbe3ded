/**
 * What a test tells the reporter beside its result: why it was skipped, and notes. Mocha has no place for either, and in parallel mode a test
 * reaches the reporter serialized, so they travel with its serialized form.
 */
import { type Context, describe, it, type Runnable, type Suite } from "mocha";

/** What the reporter reads from a test. */
export interface Annotated {
  readonly skipReason?: string;
  readonly notes?: readonly string[];
}

/** Skips the running test (or, from a `before` hook, every test of its suite). The reason is printed at the end of the run. */
export function skip(context: Context, reason: string): never {
  const running = context.test as Runnable & { readonly type: "hook" | "test" };
  if (running.type === "hook") running.parent?.eachTest((test) => annotate(test, { skipReason: reason }));
  else annotate(running, { skipReason: reason });
  return context.skip();
}

/** Prints a line under the running test's title, e.g. a measured figure. */
export function note(context: Context, text: string): void {
  const running: Runnable & Annotated = context.test!;
  annotate(running, { notes: [...(running.notes ?? []), text] });
}

/** A test that is skipped when there is a reason, e.g. a program that is not installed. */
export function itUnless(reason: string | undefined, title: string, fn: (this: Context) => Promise<void> | void): void {
  if (reason === undefined) it(title, fn);
  else annotate(it.skip(title, fn), { skipReason: reason });
}

/** A suite whose tests are all skipped when there is a reason. */
export function describeUnless(reason: string | undefined, title: string, fn: (this: Suite) => void): void {
  if (reason === undefined) {
    describe(title, fn);
    return;
  }
  const suite = describe.skip(title, fn);
  if (suite) suite.eachTest((test) => annotate(test, { skipReason: reason }));
}

interface Serializable extends Annotated {
  serialize(): object;
}

function annotate(target: object, annotation: Annotated): void {
  const runnable = target as Serializable;
  const first = runnable.skipReason === undefined && runnable.notes === undefined;
  Object.assign(runnable, annotation);
  if (!first) return;
  const serialize = runnable.serialize;
  runnable.serialize = () => {
    const { skipReason, notes } = runnable;
    return { ...serialize.call(runnable), ...(skipReason && { skipReason }), ...(notes && { notes }) };
  };
}
