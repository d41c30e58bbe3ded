import type { Assets } from "./assets.ts";

/** The one HTML document of the page; its script shows what the address names. */
export interface DocumentParts {
  readonly host: string;
  readonly assets: Assets;
  /** What the address shows is made of the index. */
  readonly needsIndex?: boolean;
  /** The document is the body of an error: what to say. */
  readonly refusal?: string;
}

/**
 * The document, ASCII. Without script it says what it can: an error's reason, or where the lists are. An index that is
 * needed is asked for while the script is still on its way.
 */
export function pageDocument({ host, assets, needsIndex = false, refusal }: DocumentParts): string {
  const name = escaped(host);
  const said =
    refusal === undefined
      ? `<h1>${name}</h1><noscript><p>The catalogue needs JavaScript. For programs and terminals: <a href="/catalog/index.json">index.json</a>.</p></noscript>`
      : `<h1>${escaped(refusal)}</h1><p><a href="/">${name}</a></p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="Container images and files published at ${name}">
<link rel="icon" type="image/svg+xml" href="${assets.icon.address}">
<link rel="stylesheet" href="${assets.style.address}">
${needsIndex ? '<link rel="preload" as="fetch" crossorigin="anonymous" href="/catalog/index.json">\n' : ""}<script type="module" src="${assets.script.address}"></script>
</head>
<body${refusal === undefined ? "" : ` data-refusal="${escaped(refusal)}"`}>
<main>${said}</main>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[^\x20-\x7e]|[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
