import { createHash } from "node:crypto";

/** Cloudflare's free plan refuses longer comments (error 9313; docs, "Add comments and tags": 100 characters, 500 on paid plans). */
const longest = 100;

/**
 * The comment of a DNS record of ours: says what it is for, and is the name by which adoption finds it again. A text that is too long
 * ends in a hash of all of it, so that it stays the only one of its zone.
 */
export function recordComment(text: string): string {
  const comment = `artifacts: ${text}`;
  if (comment.length <= longest) return comment;
  const hash = createHash("sha256").update(comment).digest("hex").slice(0, 12);
  return `${comment.slice(0, longest - hash.length - 1)} ${hash}`;
}
