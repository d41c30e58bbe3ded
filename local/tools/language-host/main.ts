/**
 * A minimal Node.js language host for an engine that was built from source, because the official one is not in the module proxy. It serves
 * pulumirpc.LanguageRuntime: the engine calls it to run the program. An installed CLI has its own host and does not use this one.
 *
 * Every command of the CLI starts it, once or twice, also those that run no program. So it speaks gRPC by Node's own HTTP/2 server, and loads the
 * messages' classes when a program is run: with @grpc/grpc-js a start took twice as much processor time (0.18 s, of which Node itself takes 0.05 s).
 */
import { spawn } from "node:child_process";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { createRequire, flushCompileCache } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { RunRequest } from "@pulumi/pulumi/proto/language_pb.js";

const require = createRequire(import.meta.url);

/** The program's exit code after it has printed its error (@pulumi/pulumi/cmd/run). */
const bail = 32;

const engineAddress = process.argv.slice(2).findLast((argument) => !argument.startsWith("-")) ?? "";

/** A method's answer from the request's message, both as bytes. */
type Method = (message: Buffer) => Buffer | Promise<Buffer>;
const empty: Method = () => Buffer.alloc(0);

/** By their names in pulumi/proto/language.proto; the engine is told of the others that they are not implemented. */
const methods: Readonly<Record<string, Method>> = {
  Handshake: empty,
  GetPluginInfo: () => Buffer.from("\n\u00051.0.0"), // pulumirpc.PluginInfo: field 1, five bytes, the version
  // Empty: the engine then takes the plugins' versions from the SDKs that register resources.
  GetRequiredPackages: empty,
  GetRequiredPlugins: empty,
  GetProgramDependencies: empty,
  RuntimeOptionsPrompts: empty,
  Cancel: empty,
  About: () => {
    const about = new (messages().AboutResponse)();
    about.setExecutable(process.execPath);
    about.setVersion(process.version);
    return Buffer.from(about.serializeBinary());
  },
  Run: async (message) => {
    const { RunRequest, RunResponse } = messages();
    const problem = await run(RunRequest.deserializeBinary(message));
    const response = new RunResponse();
    if (problem === "bail") response.setBail(true);
    else if (problem !== undefined) response.setError(problem);
    return Buffer.from(response.serializeBinary());
  },
};

function messages(): typeof import("@pulumi/pulumi/proto/language_pb.js") {
  return require("@pulumi/pulumi/proto/language_pb.js") as typeof import("@pulumi/pulumi/proto/language_pb.js");
}

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1); // a kill -9 of the CLI must not leave this process running
}, 500).unref();

const server = createServer();
server.on("stream", (stream, headers) => {
  void serve(stream, String(headers[":path"]));
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
  flushCompileCache(); // the engine ends this process before Node writes the cache by itself
});

/** Answers one call. A message of gRPC follows a byte that says whether it is compressed (none is) and four bytes with its length. */
async function serve(stream: ServerHttp2Stream, path: string): Promise<void> {
  stream.on("error", () => {}); // the engine has gone
  const head = { ":status": 200, "content-type": "application/grpc" };
  const name = path.slice(path.lastIndexOf("/") + 1);
  const method = methods[name];
  if (name === "InstallDependencies") {
    stream.respond({ ...head, "grpc-status": "0" }, { endStream: true }); // a stream of output: there is none
    return;
  }
  if (method === undefined) {
    stream.respond({ ...head, "grpc-status": "12" }, { endStream: true });
    return;
  }
  try {
    const message = await method((await buffer(stream)).subarray(5));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.respond(head, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.concat([prefix, message]));
  } catch (error) {
    if (stream.destroyed) return; // the engine has gone, killed while the program ran
    stream.respond(
      { ...head, "grpc-status": "2", "grpc-message": encodeURIComponent(String(error)) },
      { endStream: true },
    );
  }
}

/** Runs the program with the SDK's runner. Resolves to undefined (success), "bail" (it has printed its error), or an error message. */
function run(request: RunRequest): Promise<string | undefined> {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() || request.getPwd();
  const options = (info?.getOptions()?.toJavaScript() ?? {}) as { nodeargs?: string };
  const runner = createRequire(join(directory, "package.json")).resolve("@pulumi/pulumi/cmd/run/index.js");
  const argument = (name: string, value: string): string[] => (value ? [`--${name}`, value] : []);
  const argv = [
    ...(options.nodeargs?.split(" ").filter(Boolean) ?? []),
    runner,
    ...argument("monitor", request.getMonitorAddress()),
    ...argument("engine", engineAddress),
    ...argument("organization", request.getOrganization()),
    ...argument("project", request.getProject()),
    ...argument("root-directory", info?.getRootDirectory() ?? ""),
    ...argument("stack", request.getStack()),
    ...argument("pwd", request.getPwd()),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    ...argument("parallel", String(request.getParallel() || "")),
    info?.getEntryPoint() || ".",
    ...request.getArgsList(),
  ];
  const config = Object.fromEntries(request.getConfigMap().toObject());
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, {
      cwd: request.getPwd(),
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        PULUMI_CONFIG: JSON.stringify(config),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
        PULUMI_NODEJS_TYPESCRIPT: "false",
      },
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve(undefined);
      else if (code === bail) resolve("bail");
      else resolve(`the program ended with ${signal ?? `exit code ${code}`}`);
    });
  });
}
