/** A Markdown document, as the test of the documents needs it. */
import GithubSlugger from "github-slugger";
import type { Code } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { toString as plainText } from "mdast-util-to-string";
import { visit } from "unist-util-visit";

/** A fenced block. */
export interface Block {
  /** The first word after the fence; "" without one. */
  readonly language: string;
  /** What follows it: `skip="reason"` or `excerpt="the command that printed it"`. Undefined: not valid attributes. */
  readonly attributes: Readonly<Record<string, string>> | undefined;
  readonly text: string;
  /** The line of the opening fence. */
  readonly line: number;
  /** Whether it has fences: an indented block has no place for a language. */
  readonly fenced: boolean;
}

/** Text between backticks within a sentence. */
export interface InlineCode {
  readonly text: string;
  readonly line: number;
}

/** A link or a picture. */
export interface Link {
  readonly target: string;
  readonly line: number;
}

export interface Document {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly blocks: readonly Block[];
  readonly inlineCode: readonly InlineCode[];
  readonly links: readonly Link[];
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
}

/** Parses a document by CommonMark. Never throws. */
export function readMarkdown(file: string, text: string): Document {
  const tree = fromMarkdown(text);
  const slugger = new GithubSlugger();
  const blocks: Block[] = [];
  const inlineCode: InlineCode[] = [];
  const links: Link[] = [];
  const anchors = new Set<string>();
  visit(tree, (node) => {
    const line = node.position?.start.line ?? 1;
    if (node.type === "heading") anchors.add(slugger.slug(plainText(node)));
    else if (node.type === "inlineCode") inlineCode.push({ text: node.value.replaceAll(/\s+/g, " "), line });
    else if (node.type === "link" || node.type === "image" || node.type === "definition")
      links.push({ target: node.url, line });
    else if (node.type === "code") blocks.push(block(node, line, text));
  });
  return { file, blocks, inlineCode, links, anchors };
}

function block(node: Code, line: number, text: string): Block {
  const opening = text.slice(node.position?.start.offset ?? 0);
  return {
    language: node.lang ?? "",
    attributes: attributes(node.meta ?? ""),
    text: node.value,
    line,
    fenced: /^(```|~~~)/.test(opening),
  };
}

function attributes(meta: string): Readonly<Record<string, string>> | undefined {
  const found = [...meta.matchAll(/(\w+)="([^"]*)"/g)];
  const rest = found.reduce((text, [whole]) => text.replace(whole, ""), meta);
  return rest.trim() === "" ? Object.fromEntries(found.map(([, name, value]) => [name, value])) : undefined;
}
