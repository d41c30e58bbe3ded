import { printable } from "../promotion/text/printable.ts";
import type { CloudflareCall } from "../stack/cloudflare-call.ts";
import { CommandError } from "./command.ts";

/**
 * What Cloudflare answers to a call, as text.
 * @param right that CLOUDFLARE_API_TOKEN needs for it, for the message.
 * @throws CommandError
 */
export async function cloudflareResponse(
  { address, headers }: CloudflareCall,
  right: string,
  request: { readonly method?: string; readonly body?: string } = {},
): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  const response = await fetch(address, { ...request, headers, signal }).catch((error: unknown) => {
    throw new CommandError(`no response from ${address}: ${error instanceof Error ? error.message : String(error)}`);
  });
  const text = await response.text();
  if (response.ok) return text;
  throw new CommandError(
    `${address} answers ${response.status} ${printable(text, 200)}: CLOUDFLARE_API_TOKEN needs the right to ${right}`,
  );
}

/** What a response says; undefined: it is not JSON. */
export function parsedResponse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
