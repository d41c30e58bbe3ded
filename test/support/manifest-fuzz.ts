import fc from "fast-check";

const value = fc.constantFrom(
  "v",
  "v1.10",
  '"v"',
  "'v'",
  '["a", "b"]',
  "[a,b]",
  "[ a ]",
  "[]",
  "k:v",
  '""',
  "+1",
  "/",
  "null",
  "sha256:00",
  '"a b"',
);
const oddValue = fc.constantFrom(
  "",
  "[a,]",
  "[a b]",
  "{}",
  "{a: b}",
  "|",
  "a b",
  "a: b",
  "&a b",
  "*a",
  "!t a",
  "~",
  '"a\\n"',
  "'a''b'",
  "-x",
  ".5",
  "...",
  "---",
  "a#b",
  "[a:b]",
  "[a",
  "%x",
  "@x",
  "é",
  '"é"',
  "a:",
  "- a",
  "[[a]]",
  '"a":b',
  "a:\n",
);
const key = fc.constantFrom("a", "name", '"k"', "'k'", "a:b", "sha256:00", "1", "k");
const oddKey = fc.constantFrom("<<", "-k", "a b", '"a\\n"', "? a", "[a]", "a ", "é", "&a b", "__proto__");
const indent = fc.constantFrom("", "", "  ", "  ", "    ", " ");
const tail = fc.constantFrom("", "", "", "", " ", " # c", "\n", "\n# c", "\n      # c");
const oddTail = fc.constantFrom("#c", " \t", "\r", "\n\t", ":", "  x", "\n...", "\n---");

/** Now and then the odd one, so that most of a text is regular. */
function mostly(regular: fc.Arbitrary<string>, odd: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 40, arbitrary: regular }, { weight: 1, arbitrary: odd });
}

/** Lines of a nested block of lists and maps, in the style that manifests have but for an odd place here and there. */
const block: fc.Memo<string[]> = fc.memo((depth) => {
  const scalar = mostly(value, oddValue);
  const end = mostly(tail, oddTail);
  const nested =
    depth > 1
      ? fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: block(depth - 1) })
      : fc.constant(undefined);
  const entry = fc
    .tuple(
      mostly(key, oddKey),
      scalar,
      nested,
      indent,
      end,
      mostly(fc.constantFrom(" ", "  "), fc.constantFrom("", "\t")),
    )
    .map(([name, text, below, by, after, gap]) =>
      below === undefined ? [`${name}:${gap}${text}${after}`] : [`${name}:${after}`, ...below.map((line) => by + line)],
    );
  const item = fc
    .tuple(scalar, nested, fc.constantFrom("- ", "- ", "-  "), end)
    .map(([text, below, dash, after]) =>
      below === undefined
        ? [`${dash}${text}${after}`]
        : below.map((line, index) => (index === 0 ? dash : " ".repeat(dash.length)) + line),
    );
  const options = { minLength: 1, maxLength: 4 };
  return fc.oneof(fc.array(entry, options), fc.array(item, options)).map((parts) => parts.flat());
});

/**
 * Text that looks like a manifest: nested lists and maps, comments, quotes, an odd place here and there, line ends of
 * both kinds.
 */
export const yamlish: fc.Arbitrary<string> = fc
  .tuple(
    block(4),
    fc.constantFrom("\n", "\n", "\n", "\r\n"),
    fc.constantFrom("", "\n", "\n# c"),
    fc.nat(40),
    fc.constantFrom("", " ", "\n# c\n"),
  )
  .map(
    ([lines, newline, end, shifted, start]) =>
      start +
      lines
        .map((line, index) => (index === shifted ? ` ${line}` : line))
        .join("\n")
        .replaceAll("\n", newline) +
      end,
  );

/**
 * One of some texts with a few places cut out, doubled or replaced by characters and pieces that mean something in
 * YAML.
 */
export function mutated(texts: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.constantFrom(
      "",
      " ",
      "  ",
      "\n",
      "\t",
      "\r",
      ":",
      ": ",
      "-",
      "- ",
      "#",
      " #",
      '"',
      "'",
      "[",
      "]",
      "{",
      "}",
      ",",
      "&a ",
      "*a",
      "!!str ",
      "|",
      ">",
      "?",
      "%",
      "\\",
      "\u0000",
      "\u0085",
      "\u2028",
      "\uFEFF",
      "---\n",
      "...\n",
      "null",
      "~",
      "__proto__",
      "name",
      "dmap:\n",
      "é",
      "\ud800",
    ),
    fc.string({ maxLength: 3 }),
  );
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(4), piece });
  return fc.tuple(fc.constantFrom(...texts), fc.array(edit, { maxLength: 5 })).map(([text, edits]) => {
    let result = text;
    for (const { at, cut, piece: put } of edits) {
      const start = Math.floor(at * result.length);
      result = result.slice(0, start) + put + result.slice(start + cut);
    }
    return result;
  });
}
