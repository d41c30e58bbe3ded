/**
 * The reporter of `npm test`: each file's tests as they end, then failures, skipped tests with their reasons, the slowest files, the time of
 * the run, and one last line: N passed, N failed, N skipped.
 */
import { relative } from "node:path";
import Mocha, { type Hook, type MochaOptions, type Runner, type Suite, type Test } from "mocha";
import type { Annotated } from "./annotations.ts";

const { Base } = Mocha.reporters;

/** Named in .mocharc.jsonc. */
export class Reporter extends Base {
  readonly #started = Date.now();
  readonly #skipped: string[] = [];
  /** Milliseconds of tests and hooks of a file. */
  readonly #times = new Map<string, number>();
  #passed = 0;
  #failed = 0;
  #depth = 0;
  #file: string | undefined;
  /** Of suites that have begun and told nothing yet. */
  readonly #titles: string[] = [];

  constructor(runner: Runner, options?: MochaOptions) {
    super(runner, options);
    runner
      .on("suite", (suite: Suite) => this.#begin(suite))
      .on("suite end", (suite: Suite) => {
        if (!suite.root) this.#depth--;
      })
      .on("pass", (test: Test) => this.#pass(test))
      .on("fail", (test: Test) => this.#fail(test))
      .on("pending", (test: Test & Annotated) => this.#skip(test))
      .on("test end", (test: Test) => this.#spent(test))
      .on("hook end", (hook: Hook) => this.#spent(hook))
      .once("end", () => this.#end());
  }

  /** A run without a single passed test is no success: somebody has mistyped something. */
  override done(failures: number, fn?: (failures: number) => void): void {
    fn?.(failures === 0 && this.#passed > 0 ? 0 : 1);
  }

  #say(line: string): void {
    console.log(`${"  ".repeat(this.#depth)}${line}`);
  }

  /** The path of a file stands above what it holds; a suite from a worker does not know its file, its tests do. */
  #within(file: string | undefined): void {
    if (file !== undefined && file !== this.#file) console.log(relative(process.cwd(), file));
    this.#file = file ?? this.#file;
    for (const title of this.#titles.splice(0)) console.log(title);
  }

  #begin(suite: Suite): void {
    if (suite.root) return;
    this.#titles.push(`${"  ".repeat(this.#depth + 1)}${suite.title}`);
    this.#depth++;
  }

  #pass(test: Test & Annotated): void {
    this.#passed++;
    this.#within(test.file);
    this.#say(`  ✔ ${test.title} (${Math.round(test.duration ?? 0)} ms)`);
    for (const line of test.notes ?? []) this.#say(`    ${line}`);
  }

  #fail(test: Test): void {
    this.#failed++;
    this.#within(test.file);
    this.#say(`  ✖ ${test.title}`);
  }

  #skip(test: Test & Annotated): void {
    const reason = test.skipReason === undefined ? "" : `: ${test.skipReason}`;
    this.#within(test.file);
    this.#skipped.push(`SKIPPED ${test.title}${reason}`);
    this.#say(`  - ${test.title}`);
  }

  #spent(runnable: Test | Hook): void {
    if (runnable.file === undefined) return;
    const file = relative(process.cwd(), runnable.file);
    this.#times.set(file, (this.#times.get(file) ?? 0) + (runnable.duration ?? 0));
  }

  #end(): void {
    this.#depth = 0;
    if (this.failures.length > 0) Base.list(this.failures);
    const slowest = [...this.#times].sort(([, a], [, b]) => b - a).slice(0, 10);
    if (slowest.length > 1) this.#say("\nslowest files:");
    if (slowest.length > 1) for (const [file, ms] of slowest) this.#say(`  ${seconds(ms).padStart(7)}  ${file}`);
    for (const line of this.#skipped) this.#say(line);
    this.#say(`${seconds(Date.now() - this.#started)} for ${this.#times.size} files`);
    this.#say(`${this.#passed} passed, ${this.#failed} failed, ${this.#skipped.length} skipped`);
  }
}

// Mocha loads it by `require`.
export { Reporter as "module.exports" };

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
