import fc from "fast-check";

const scalar = fc.constantFrom(
  ...["a", "a b", "name", "v1.10", "sha256:00", "a,b", "x--y", "1", "null", "a-", "0:1", "a (b)", "a:b:c", "_", "/a"],
  ...['"b"', '"c: d # e"', "'f'", "'- g'", '""', "''", '"{"'],
);
const key = fc.constantFrom(
  ...["a", "name", "sha256:00", "d-e", "a/b", "1", "null", "a.b"],
  ...['"b"', "'c'", '""', '"a b"', '": "'],
);
const inBrackets = fc.constantFrom("a", "a:b", '"b"', "'c'", "1", '"]"', "'}'", '""', '", "', "a-", "-a");
const space = fc.constantFrom("", "", "", " ", "  ");
const separated = (items: fc.Arbitrary<string>) =>
  fc
    .tuple(space, fc.array(items, { maxLength: 3 }), space, space)
    .map(([start, list, end, gap]) => start + list.join(`${gap},${end}`) + end);
const entryInBraces = fc.tuple(key, inBrackets).map(([name, text]) => `${name}: ${text}`);
const flow = fc.oneof(
  separated(inBrackets).map((items) => `[${items}]`),
  separated(entryInBraces).map((entries) => `{${entries}}`),
);
const value = fc.oneof({ weight: 3, arbitrary: scalar }, { weight: 1, arbitrary: flow });

const line = fc
  .tuple(
    fc.nat(5).map((indent) => " ".repeat(indent)),
    fc.constantFrom("", "", "", "- ", "- ", "-  ", "- - "),
    fc.oneof(
      { weight: 5, arbitrary: fc.tuple(key, value).map(([name, text]) => `${name}: ${text}`) },
      { weight: 3, arbitrary: key.map((name) => `${name}:`) },
      { weight: 3, arbitrary: value },
      { weight: 1, arbitrary: fc.constantFrom("", "-", "#c", "---", "...") },
    ),
    fc.constantFrom("", "", "", "", "", " ", " # c", " #", "#c", "  "),
  )
  .map((parts) => parts.join(""));

/** Lines that are simple each, mostly, below each other as it comes. */
export const simpleLines: fc.Arbitrary<string> = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 8 }), fc.constantFrom("", "\n", "\n\n"))
  .map(([lines, end]) => lines.join("\n") + end);

const lineEnd = fc.constantFrom("", "", "", "", " ", " # c", " #", "\n", "\n# c", "\n     # c", "\n ");
const indent = fc.constantFrom(0, 0, 1, 2, 2, 2, 4).map((spaces) => " ".repeat(spaces));
const indented = (lines: readonly string[], first: string, rest = first) =>
  lines.map((text, index) => (index === 0 ? first : rest) + text);

const block: fc.Memo<string[]> = fc.memo((depth) => {
  const below = depth > 1 ? block(depth - 1) : fc.constant(["a: b"]);
  const entry = fc.oneof(
    fc
      .tuple(key, fc.constantFrom(" ", "  "), value, lineEnd)
      .map(([name, gap, text, end]) => [`${name}:${gap}${text}${end}`]),
    fc.tuple(key, indent, below, lineEnd).map(([name, by, lines, end]) => [`${name}:${end}`, ...indented(lines, by)]),
  );
  const item = fc.oneof(
    fc.tuple(value, lineEnd).map(([text, end]) => [`- ${text}${end}`]),
    fc
      .tuple(fc.constantFrom("- ", "-  ", "-   "), below)
      .map(([dash, lines]) => indented(lines, dash, " ".repeat(dash.length))),
    fc.tuple(indent, below, lineEnd).map(([by, lines, end]) => [`-${end}`, ...indented(lines, by)]),
  );
  const few = { minLength: 1, maxLength: 3 };
  return fc.oneof(fc.array(entry, few), fc.array(item, few)).map((parts) => parts.flat());
});

/** Lists and maps in simple lines, of which up to two are moved by a column or two. */
export const simpleBlocks: fc.Arbitrary<string> = fc
  .tuple(
    block(4),
    fc.array(fc.tuple(fc.nat(30), fc.constantFrom(" ", "  ", "-")), { maxLength: 2 }),
    fc.constantFrom("", "\n", "\n\n", "\n# x", "\n "),
  )
  .map(([lines, moves, end]) => {
    const moved = [...lines];
    for (const [at, by] of moves)
      if (moved[at] !== undefined) moved[at] = by === "-" ? moved[at].replace(/^ /, "") : by + moved[at];
    return moved.join("\n") + end;
  });
