/** Makes elements. Texts become text nodes and never markup: the page's policy (require-trusted-types-for) leaves no other way. */

type Child = Node | string | undefined | false;

/** Attributes by name; `false` and `undefined` are left out, `true` is an attribute without a value. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An element with attributes and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** A text that only screen readers tell. */
export function unseen(text: string): HTMLElement {
  return element("span", { class: "unseen" }, text);
}

/** A text in which the words that were searched for stand out. */
export function marked(text: string, words: readonly string[]): DocumentFragment {
  const made = document.createDocumentFragment();
  const lower = text.toLowerCase();
  let from = 0;
  while (from < text.length) {
    let at = -1;
    let length = 0;
    for (const word of words) {
      const found = lower.indexOf(word, from);
      if (found >= 0 && (at < 0 || found < at || (found === at && word.length > length))) {
        at = found;
        length = word.length;
      }
    }
    if (at < 0) break;
    made.append(text.slice(from, at), element("mark", {}, text.slice(at, at + length)));
    from = at + length;
  }
  made.append(text.slice(from));
  return made;
}
