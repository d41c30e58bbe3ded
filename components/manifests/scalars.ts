import type { ScalarNode } from "./yaml/tree.ts";

/**
 * The type that other readers of YAML give an unquoted scalar, if it is not text: YAML 1.2's core schema (section 10.3.2)
 * and the types of YAML 1.1, which Go and Python programs still read. Undefined for text.
 */
export function otherReading({ text, plain }: Pick<ScalarNode, "text" | "plain">): string | undefined {
  if (!plain) return undefined;
  if (/^(?:y|yes|true|on)$/i.test(text)) return "true";
  if (/^(?:n|no|false|off)$/i.test(text)) return "false";
  if (
    /^[-+]?(?:0x[0-9a-f_]+|0o?[0-7_]+|0b[01_]+|[0-9][0-9_]*|(?:\.[0-9]+|[0-9][0-9_]*\.[0-9_]*)(?:e[-+]?[0-9]+)?|[0-9]+e[-+]?[0-9]+|\.inf|\.nan)$/i.test(
      text,
    )
  ) {
    const value = Number(text.replaceAll("_", ""));
    return Number.isNaN(value) || text === String(value) ? "a number" : `the number ${value}`;
  }
  if (/^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$/.test(text)) return "a date";
  return undefined;
}
