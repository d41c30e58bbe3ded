/**
 * A minimal Node.js language host for an engine that was built from source, because the official one is not in the module proxy. It serves
 * pulumirpc.LanguageRuntime: the engine calls it to run the program. An installed CLI has its own host and does not use this one.
 */
import { spawn } from "node:child_process";
import { createRequire, flushCompileCache } from "node:module";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";

const require = createRequire(import.meta.url);
const services =
  require("@pulumi/pulumi/proto/language_grpc_pb.js") as typeof import("@pulumi/pulumi/proto/language_grpc_pb.js");
const pb = require("@pulumi/pulumi/proto/language_pb.js") as typeof import("@pulumi/pulumi/proto/language_pb.js");
const { PluginInfo } =
  require("@pulumi/pulumi/proto/plugin_pb.js") as typeof import("@pulumi/pulumi/proto/plugin_pb.js");
const { Empty } =
  require("google-protobuf/google/protobuf/empty_pb.js") as typeof import("google-protobuf/google/protobuf/empty_pb.js");

/** The program's exit code after it has printed its error (@pulumi/pulumi/cmd/run). */
const bail = 32;

const engineAddress = process.argv.slice(2).findLast((argument) => !argument.startsWith("-")) ?? "";

// biome-ignore lint/suspicious/noExplicitAny: the generated messages share no base type with their accessors
type Call = { request: any };
type Reply = (error: object | null, reply?: unknown) => void;
const empty = (_call: Call, reply: Reply): void => reply(null, new Empty());

const methods = {
  handshake: (_call: Call, reply: Reply) => reply(null, new pb.LanguageHandshakeResponse()),
  getPluginInfo: (_call: Call, reply: Reply) => {
    const info = new PluginInfo();
    info.setVersion("1.0.0");
    reply(null, info);
  },
  // Empty: the engine then takes the plugins' versions from the SDKs that register resources.
  getRequiredPackages: (_call: Call, reply: Reply) => reply(null, new pb.GetRequiredPackagesResponse()),
  getRequiredPlugins: (_call: Call, reply: Reply) => reply(null, new pb.GetRequiredPluginsResponse()),
  about: (_call: Call, reply: Reply) => {
    const about = new pb.AboutResponse();
    about.setExecutable(process.execPath);
    about.setVersion(process.version);
    reply(null, about);
  },
  run: (call: Call, reply: Reply) => {
    const request: InstanceType<typeof pb.RunRequest> = call.request;
    run(request).then(
      (problem) => {
        const response = new pb.RunResponse();
        if (problem === "bail") response.setBail(true);
        else if (problem !== undefined) response.setError(problem);
        reply(null, response);
      },
      (error: unknown) => reply({ code: grpc.status.UNKNOWN, details: String(error) }),
    );
  },
  cancel: empty,
  runPlugin: unimplemented,
  installDependencies: (call: { end(): void }) => call.end(),
  runtimeOptionsPrompts: (_call: Call, reply: Reply) => reply(null, new pb.RuntimeOptionsResponse()),
  template: unimplemented,
  getProgramDependencies: (_call: Call, reply: Reply) => reply(null, new pb.GetProgramDependenciesResponse()),
  generateProgram: unimplemented,
  generateProject: unimplemented,
  generatePackage: unimplemented,
  pack: unimplemented,
  link: unimplemented,
};

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1); // a kill -9 of the CLI must not leave this process running
}, 500).unref();

const server = new grpc.Server({
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
});
server.addService(
  services.LanguageRuntimeService as unknown as grpc.ServiceDefinition,
  methods as unknown as grpc.UntypedServiceImplementation,
);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
  flushCompileCache(); // the engine ends this process before Node writes the cache by itself
});

/** Runs the program with the SDK's runner. Resolves to undefined (success), "bail" (it has printed its error), or an error message. */
function run(request: InstanceType<typeof pb.RunRequest>): Promise<string | undefined> {
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

function unimplemented(_call: Call, reply: Reply): void {
  reply({ code: grpc.status.UNIMPLEMENTED });
}
