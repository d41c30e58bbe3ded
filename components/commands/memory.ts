import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Keeps the memory of this process small from here on, for a command that reads large texts one after the other. V8 would rather let its young
 * generation grow to 96 MiB than look for survivors more often, which takes a fifth more processor time.
 */
export function limitYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Frees what nobody refers to any more, before more is read: V8 would otherwise ask the system for more memory. Takes some 30 ms. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
