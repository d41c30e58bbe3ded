/** A scalar as its source text: `1.10` stays `1.10`. `plain`: it was written without quotes. */
export interface ScalarNode {
  readonly kind: "scalar";
  readonly text: string;
  readonly plain: boolean;
  /** Offset of its first character (the quote, if quoted) in the text, in UTF-16 units. */
  readonly start: number;
  /** Offset after its last character. */
  readonly end: number;
}

/** A sequence. */
export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly start: number;
  /** Offset after its closing bracket, or after its last item. */
  readonly end: number;
}

/** A mapping, entries in source order; duplicate keys are kept. */
export interface MapNode {
  readonly kind: "map";
  readonly entries: readonly Entry[];
  readonly start: number;
  /** Offset after its closing brace, or after its last value. */
  readonly end: number;
}

/** One `key: value` of a mapping. */
export interface Entry {
  readonly key: ScalarNode;
  readonly value: Node;
}

/** The supported YAML of a manifest: no anchors, aliases, tags or complex keys. */
export type Node = ScalarNode | ListNode | MapNode;

/** The result of parsing a text: a tree (undefined for an empty text), or its errors. */
export type Parsed =
  | { readonly ok: true; readonly root: Node | undefined }
  | { readonly ok: false; readonly errors: readonly YamlError[] };

/** One error in a text, at an offset in UTF-16 units. */
export interface YamlError {
  readonly start: number;
  readonly message: string;
}

/** The entry of a key in a map (the first of duplicates); undefined for other nodes. */
export function entryAt(node: Node, key: PropertyKey): Entry | undefined {
  return node.kind === "map" ? node.entries.find((entry) => entry.key.text === key) : undefined;
}

/** The value of a key in a map. */
export function valueAt(node: Node, key: PropertyKey): Node | undefined {
  return entryAt(node, key)?.value;
}

/** Whether YAML's core schema (1.2.2, section 10.3.2) reads a node as null. */
export function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.plain && /^(?:|~|null|Null|NULL)$/.test(node.text);
}

/** Whether a node is the scalar `true`. */
export function isTrue(node: Node | undefined): boolean {
  return node?.kind === "scalar" && node.text === "true";
}
