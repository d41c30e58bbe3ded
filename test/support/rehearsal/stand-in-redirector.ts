import { packSource } from "../../../redirector/source-archive.ts";

/**
 * An archive that Cloud Run starts in place of the redirector: a server that sends all clients to the first mirrors. It has 1 kB, the redirector
 * 50 MB.
 * @param mirror where it sends them instead: a build that starts, and answers wrong.
 */
export function standInRedirector(mirror = ""): Promise<Uint8Array> {
  const program = `import http from "node:http";
const { imageMirrors, fileMirrors } = JSON.parse(process.env.REDIRECTOR_CONFIG);
http.createServer(({ url }, response) => {
  const mirrors = url.startsWith("/v2/") ? imageMirrors : fileMirrors;
  if (url === "/v2/" || url === "/healthz") response.writeHead(200, { "x-revision": process.env.K_REVISION });
  else response.writeHead(307, { location: (${JSON.stringify(mirror)} || mirrors[0].url) + url });
  response.end();
}).listen(process.env.PORT, "127.0.0.1");`;
  const start = `#!/bin/sh\nexec '${process.execPath}' program.mjs\n`;
  return packSource([
    { path: "redirector", bytes: Buffer.from(start), executable: true },
    { path: "program.mjs", bytes: Buffer.from(program) },
  ]);
}
