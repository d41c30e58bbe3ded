import type { RecentDocument, RecentPromotion } from "../../catalogue/formats.ts";
import { recentFeedKey } from "../../catalogue/layout.ts";
import { escapeUnprintable } from "../text/printable.ts";

/**
 * What was promoted lately as an Atom feed (RFC 4287). Identifiers are tag URIs (RFC 4151), which stay the same wherever the feed is read; links
 * are absolute, because readers get the feed from a mirror. Undefined: nothing was promoted yet, and a feed needs the time of its last change.
 * @param host the name that clients use.
 */
export function recentFeed({ promotions }: RecentDocument, host: string): string | undefined {
  const [newest] = promotions;
  if (newest === undefined) return undefined;
  const lines = [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<feed xmlns="http://www.w3.org/2005/Atom">',
    `<title>${xml(`Promoted lately at ${host}`)}</title>`,
    `<id>${xml(`tag:${host},2026:promoted`)}</id>`,
    `<updated>${xml(newest.time)}</updated>`,
    `<author><name>${xml(host)}</name></author>`,
    `<link rel="self" type="application/atom+xml" href="${xml(`https://${host}/${recentFeedKey}`)}"/>`,
    `<link rel="alternate" type="text/html" href="${xml(`https://${host}/status`)}"/>`,
    ...promotions.map((promotion) => entryOf(promotion, host)),
    "</feed>",
  ];
  return `${lines.join("\n")}\n`;
}

/** `3 added, 1 changed`. */
function inWords({ counts: { added, changed, removed } }: RecentPromotion): string {
  const parts = Object.entries({ added, changed, removed }).filter(([, count]) => count > 0);
  return parts.map(([what, count]) => `${count} ${what}`).join(", ");
}

function entryOf(promotion: RecentPromotion, host: string): string {
  const { time, project } = promotion;
  const name = encodeURIComponent(project);
  const parts = [
    `<title>${xml(`${project}: ${inWords(promotion)}`)}</title>`,
    `<id>${xml(`tag:${host},2026:promoted/${name}/${time}`)}</id>`,
    `<updated>${xml(time)}</updated>`,
    `<link rel="alternate" type="text/html" href="${xml(`https://${host}/projects/${name}`)}"/>`,
    `<content type="text">${xml(contentOf(promotion))}</content>`,
  ];
  return `<entry>\n${parts.join("\n")}\n</entry>`;
}

/** A line for each name, with what happened to it, and how many are not listed. */
function contentOf({ counts, ...promotion }: RecentPromotion): string {
  return (["added", "changed", "removed"] as const)
    .flatMap((what) => {
      const more = counts[what] - promotion[what].length;
      return [...promotion[what].map((name) => `${what} ${name}`), ...(more > 0 ? [`${what} ${more} more`] : [])];
    })
    .join("\n");
}

/** A text in XML. What is not visible is written in words: XML 1.0 has no way at all to write most control characters. */
function xml(text: string): string {
  const lines = text.split("\n").map(escapeUnprintable).join("\n");
  return lines.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}
