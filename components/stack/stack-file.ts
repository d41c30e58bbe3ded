import { readFile } from "node:fs/promises";
import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { parseStackConfig, type StackConfig } from "./config.ts";

/** A problem of a stack's file, at a line that counts from 1. */
export interface StackProblem {
  readonly file: string;
  readonly line: number;
  /** `key: what is wrong`. */
  readonly message: string;
}

/** A usable config with its warnings, or all of its errors. */
export type StackFile =
  | { readonly config: StackConfig; readonly warnings: readonly StackProblem[] }
  | { readonly errors: readonly StackProblem[] };

/**
 * Reads the config of a stack from its file (`Pulumi.<stack>.yaml`), for commands that run without the engine.
 * The defaults of Pulumi.yaml are those of components/stack/config.ts. Throws only if the file can't be read.
 */
export async function readStackFile(path: string): Promise<StackFile> {
  const lines = new LineCounter();
  const document = parseDocument(await readFile(path, "utf8"), { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return {
      errors: document.errors.map((error) => ({
        file: path,
        line: lines.linePos(error.pos[0]).line,
        message: `not YAML: ${error.message}`,
      })),
    };
  }
  const config = document.get("config");
  if (!isMap(config))
    return { errors: [{ file: path, line: 1, message: "`config` is required: it has the settings of the stack" }] };
  const lineOf = (key: string): number => {
    const pair = config.items.find((item) => isScalar(item.key) && item.key.value === key);
    const start = isScalar(pair?.key) ? pair.key.range?.[0] : config.range?.[0];
    return start === undefined || start === null ? 1 : lines.linePos(start).line;
  };
  const parsed = parseStackConfig(config.toJSON() as Record<string, unknown>);
  const located = (message: string): StackProblem => ({
    file: path,
    line: lineOf(/^[a-z]+:\w+/.exec(message)?.[0] ?? ""),
    message,
  });
  if ("config" in parsed) return { ...parsed, warnings: parsed.warnings.map(located) };
  return { errors: parsed.errors.map(located) };
}

/** `file:line: key: what is wrong`, the form that editors and terminals make clickable. */
export function stackProblemLine({ file, line, message }: StackProblem): string {
  return `${file}:${line}: ${message}`;
}
