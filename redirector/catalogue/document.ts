import type { Assets } from "./assets.ts";

/** Parts of the page's HTML document. Its script shows the view that the URL names. */
export interface DocumentParts {
  readonly host: string;
  readonly assets: Assets;
  /** The view needs the index: the document preloads it. */
  readonly needsIndex?: boolean;
  /** The message, if the document is the body of an error. */
  readonly refusal?: string;
}

/**
 * The page's HTML document, in ASCII. Without JavaScript it shows the error's message, or a link to the lists. If the view needs the index,
 * the browser fetches it in parallel with the script.
 */
export function pageDocument({ host, assets, needsIndex = false, refusal }: DocumentParts): string {
  const name = escaped(host);
  const content =
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
<link rel="alternate" type="application/atom+xml" title="Promoted lately" href="/catalog/recent.atom">
<link rel="stylesheet" href="${assets.style.address}">
${needsIndex ? '<link rel="preload" as="fetch" crossorigin="anonymous" href="/catalog/index.json">\n' : ""}<script type="module" src="${assets.script.address}"></script>
</head>
<body${refusal === undefined ? "" : ` data-refusal="${escaped(refusal)}"`}>
<main>${content}</main>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[^\x20-\x7e]|[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
