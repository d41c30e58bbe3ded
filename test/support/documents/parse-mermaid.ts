/** Mermaid's own parser, without a browser: the library runs in a context of its own, on a document of linkedom's. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";
import { parseHTML } from "linkedom";

interface Mermaid {
  parse(text: string): Promise<{ readonly diagramType: string }>;
}

let loaded: Mermaid | undefined;

/** What is wrong with a diagram, in the parser's words; undefined: nothing. */
export async function mermaidFault(text: string): Promise<string | undefined> {
  loaded ??= load();
  try {
    await loaded.parse(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function load(): Mermaid {
  const { window, document } = parseHTML("<html><body></body></html>");
  const globals = {
    window,
    document,
    console,
    setTimeout,
    clearTimeout,
    structuredClone,
    URL,
    TextEncoder,
    TextDecoder,
  };
  const context = createContext(globals) as typeof globals & { readonly mermaid: Mermaid };
  runInContext(
    readFileSync(createRequire(import.meta.url).resolve("@mermaid-js/tiny/dist/mermaid.tiny.js"), "utf8"),
    context,
  );
  return context.mermaid;
}
