import type { Problem } from "./problem.ts";

/** A position in a manifest. */
export interface Position {
  /** The file's path, relative to the working directory. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
}

/** One file's text, with conversion of offsets to lines and columns. */
export class Source {
  /** The path, relative to the working directory. */
  readonly file: string;
  /** The text as it was given. */
  readonly original: string;
  /** The text without byte order mark. */
  readonly text: string;
  private lineStarts: number[] | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.original = text;
    this.text = text.startsWith("\uFEFF") ? text.slice(1) : text;
  }

  /** The line and column of an offset into `text`. */
  position(offset: number): Position {
    this.lineStarts ??= startsOfLines(this.text);
    let low = 0;
    let high = this.lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { file: this.file, line: low + 1, column: offset - (this.lineStarts[low] ?? 0) + 1 };
  }

  /** A problem at an offset. */
  problem(severity: Problem["severity"], offset: number, message: string): Problem {
    return { severity, ...this.position(offset), message };
  }
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
