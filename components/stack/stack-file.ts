import { readFile } from "node:fs/promises";
import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { type ParsedConfig, parseStackConfig } from "./config.ts";

/**
 * Reads the config of a stack from its file (`Pulumi.<stack>.yaml`), for commands that run without the engine.
 * Returns it, or all of its errors as `file:line: key: what is wrong`. The defaults of Pulumi.yaml are those of
 * components/stack/config.ts. Throws only if the file can't be read.
 */
export async function readStackFile(path: string): Promise<ParsedConfig> {
  const lines = new LineCounter();
  const document = parseDocument(await readFile(path, "utf8"), { lineCounter: lines });
  if (document.errors.length > 0) {
    return {
      errors: document.errors.map(
        (error) => `${path}:${error.linePos?.[0].line ?? 1}: ${error.message.split("\n")[0]}`,
      ),
    };
  }
  const config = document.get("config");
  if (!isMap(config)) return { errors: [`${path}:1: config is missing: the settings of the stack`] };
  const lineOf = (key: string): number => {
    const pair = config.items.find((item) => isScalar(item.key) && item.key.value === key);
    const start = isScalar(pair?.key) ? pair.key.range?.[0] : config.range?.[0];
    return start === undefined || start === null ? 1 : lines.linePos(start).line;
  };
  const parsed = parseStackConfig(config.toJSON() as Record<string, unknown>);
  const located = (message: string): string => `${path}:${lineOf(/^[a-z]+:\w+/.exec(message)?.[0] ?? "")}: ${message}`;
  if ("config" in parsed) return { ...parsed, warnings: parsed.warnings.map(located) };
  return { errors: parsed.errors.map(located) };
}
