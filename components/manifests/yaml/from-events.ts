import { COLLECTION_STYLE, EVENT_ID, type Event, parseEvents, SCALAR_STYLE } from "js-yaml";
import { hasSimpleLines } from "./simple-lines.ts";
import type { Entry, Node } from "./tree.ts";

/** What a text may have at most. */
export interface Limits {
  readonly depth: number;
  /** UTF-16 units of a line. */
  readonly line: number;
  readonly lexemes: number;
}

/**
 * The tree of a text whose lines are simple, by js-yaml, which needs a sixth of the `yaml` package's time and reads such lines as that does.
 * Undefined for every other text, right or wrong. Never throws; in linear time.
 */
export function treeFromEvents(text: string, limits: Limits): { readonly root: Node | undefined } | undefined {
  if (!hasSimpleLines(text, limits.line)) return undefined;
  const events = eventsOf(text, limits.depth);
  if (events === undefined || mostLexemes(text, events) > limits.lexemes) return undefined;
  if (events.length === 0) return { root: undefined };
  const root = new Reader(text, events).node();
  return root && { root };
}

function eventsOf(text: string, maxDepth: number): readonly Event[] | undefined {
  try {
    return parseEvents(text, { maxDepth });
  } catch {
    return undefined;
  }
}

/** As the `yaml` package counts: of a line its indent, its end, a comment and the space before it; of an event a text with its mark, an indicator and a space. */
function mostLexemes(text: string, events: readonly Event[]): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return 4 * (lines + events.length);
}

class Reader {
  private readonly text: string;
  private readonly events: readonly Event[];
  /** The event that is read next; the first is the document's. */
  private at = 1;

  constructor(text: string, events: readonly Event[]) {
    this.text = text;
    this.events = events;
  }

  /** The next node; undefined if it is, or has, anything but texts on one line as they stand there. */
  node(): Node | undefined {
    const event = this.events[this.at++];
    if (event?.type === EVENT_ID.SCALAR) {
      if (!event.fast) return undefined;
      const { valueStart, valueEnd } = event;
      const plain = event.style === SCALAR_STYLE.PLAIN;
      const quote = plain ? 0 : 1;
      const text = this.text.slice(valueStart, valueEnd);
      return { kind: "scalar", text, plain, start: valueStart - quote, end: valueEnd + quote };
    }
    if (event?.type === EVENT_ID.SEQUENCE) {
      const items: Node[] = [];
      while (!this.ends()) {
        const item = this.node();
        if (item === undefined) return undefined;
        items.push(item);
      }
      const { start, style } = event;
      return { kind: "list", items, start, end: this.end(style, items.at(-1)?.end ?? start, "]") };
    }
    if (event?.type !== EVENT_ID.MAPPING) return undefined;
    const entries: Entry[] = [];
    while (!this.ends()) {
      const key = this.node();
      const value = this.node();
      if (key?.kind !== "scalar" || value === undefined) return undefined;
      entries.push({ key, value });
    }
    const { start, style } = event;
    return { kind: "map", entries, start, end: this.end(style, entries.at(-1)?.value.end ?? start, "}") };
  }

  /** Whether the open list or map ends here, and goes on behind it. */
  private ends(): boolean {
    if (this.events[this.at]?.type !== EVENT_ID.POP) return false;
    this.at++;
    return true;
  }

  /** No event has the place of a bracket; behind the last item only spaces stand before it. */
  private end(style: number, lastEnd: number, bracket: string): number {
    return style === COLLECTION_STYLE.FLOW ? this.text.indexOf(bracket, lastEnd) + bracket.length : lastEnd;
  }
}
