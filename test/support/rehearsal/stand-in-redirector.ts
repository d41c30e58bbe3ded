import { packSource } from "../../../redirector/source-archive.ts";

/** An archive that Cloud Run starts in place of the redirector: a server that answers every request alike. It has 1 kB, the redirector 50 MB. */
export function standInRedirector(): Promise<Uint8Array> {
  const program = `import http from "node:http"; http.createServer((_, response) => response.end("ok")).listen(process.env.PORT, "127.0.0.1");`;
  const start = `#!/bin/sh\nexec '${process.execPath}' program.mjs\n`;
  return packSource([
    { path: "redirector", bytes: Buffer.from(start), executable: true },
    { path: "program.mjs", bytes: Buffer.from(program) },
  ]);
}
