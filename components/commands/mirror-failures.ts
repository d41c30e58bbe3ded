import { CommandError } from "./command.ts";
import { printError } from "./output.ts";

/** What could not be done for mirrors, each in a line that is printed at once. */
export class MirrorFailures {
  readonly lines: string[] = [];

  add(mirror: string, why: string): void {
    this.lines.push(`${mirror}: ${why}`);
    printError(`${mirror}: ${why}`);
  }

  /** Does something for one mirror. */
  async of(mirror: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CommandError) || signal.aborted) throw error;
      this.add(mirror, error.message);
    }
  }
}
