/**
 * Pulumi's provider protocol as a small typed surface: plain JavaScript objects in, plain JavaScript objects out.
 *
 * It serves our own plugin (`promotion/provider`) and the rehearsal's emulated clouds (`local/providers`). The wire is gRPC with
 * protobuf `Struct`s (pulumi/proto/provider.proto); nothing of that leaks out of this folder.
 *
 * Why not the SDK's own provider server (`@pulumi/pulumi/provider`, dynamic providers): it serves one resource type's class per closure or
 * schema, has no preview of create and update, and reads messages by the generated classes (codec.ts says what that costs).
 */
import { createRequire, flushCompileCache } from "node:module";
import * as grpc from "@grpc/grpc-js"; // the SDK's own copy: messages of two copies do not mix
import * as codec from "./codec.ts";
import { debugArgument } from "./debug-argument.ts";
import { compareInputs, type Properties } from "./properties.ts";

// The generated modules are CommonJS without named ESM exports.
const require = createRequire(import.meta.url);
const services =
  require("@pulumi/pulumi/proto/provider_grpc_pb.js") as typeof import("@pulumi/pulumi/proto/provider_grpc_pb.js");
const pb = require("@pulumi/pulumi/proto/provider_pb.js") as typeof import("@pulumi/pulumi/proto/provider_pb.js");
const { PluginInfo } =
  require("@pulumi/pulumi/proto/plugin_pb.js") as typeof import("@pulumi/pulumi/proto/plugin_pb.js");
const { EngineClient } =
  require("@pulumi/pulumi/proto/engine_grpc_pb.js") as typeof import("@pulumi/pulumi/proto/engine_grpc_pb.js");
const { LogRequest, LogSeverity } =
  require("@pulumi/pulumi/proto/engine_pb.js") as typeof import("@pulumi/pulumi/proto/engine_pb.js");
const { Status } = require("@pulumi/pulumi/proto/status_pb.js") as typeof import("@pulumi/pulumi/proto/status_pb.js");
const { Any } =
  require("google-protobuf/google/protobuf/any_pb.js") as typeof import("google-protobuf/google/protobuf/any_pb.js");
const { Empty } =
  require("google-protobuf/google/protobuf/empty_pb.js") as typeof import("google-protobuf/google/protobuf/empty_pb.js");

/** What the engine names in every call about one resource. */
export interface ResourceCall {
  /** The resource's unique name in the stack. */
  readonly urn: string;
  /** Its type token, e.g. `gcp:storage/bucket:Bucket`. */
  readonly type: string;
  /** Its logical name, the first argument of its constructor. */
  readonly name: string;
}

/** The answer of {@link ResourceProvider.diff}. */
export interface Diff {
  /** Names of the changed properties; none = no change. Only these are printed. */
  readonly changed: readonly string[];
  /** Those of them that cannot be changed in place. */
  readonly replaces?: readonly string[];
  /** For resources with a physical name: two of it cannot exist at once. */
  readonly deleteBeforeReplace?: boolean;
}

/** The answer of {@link ResourceProvider.read}. */
export interface ReadResult {
  readonly id: string;
  readonly outputs: Properties;
  /** Also needed: with outputs alone the engine shows a drift as "update" without saying of what. */
  readonly inputs: Properties;
}

/** One resource provider. A method that throws an `Error` fails the resource with its message, without a stack. */
export interface ResourceProvider {
  /** As in `pulumi-resource-<name>`. */
  readonly name: string;
  /** Semantic version; must be the one the program's SDK asks for. */
  readonly version: string;
  /** Receives the provider's configuration before anything else. */
  configure?(config: Properties): void | Promise<void>;
  /** Validates and completes the inputs. `failures`: one complete sentence each. */
  check?(
    call: ResourceCall & { readonly olds: Properties; readonly news: Properties },
  ):
    | { readonly inputs: Properties; readonly failures?: readonly string[] }
    | Promise<{ readonly inputs: Properties; readonly failures?: readonly string[] }>;
  /** Compares inputs of the last run with the wanted ones. Without it, {@link compareInputs} decides. */
  diff?(
    call: ResourceCall & {
      readonly id: string;
      readonly olds: Properties;
      readonly oldInputs: Properties;
      readonly news: Properties;
    },
  ): Diff | Promise<Diff>;
  /** Creates; in a preview (`preview`) it only computes outputs and may look around. `id` is ignored in a preview. */
  create(
    call: ResourceCall & { readonly inputs: Properties; readonly preview: boolean },
  ): Promise<{ readonly id: string; readonly outputs: Properties }>;
  /** Changes in place. `olds` are the last outputs. */
  update(
    call: ResourceCall & {
      readonly id: string;
      readonly olds: Properties;
      readonly oldInputs: Properties;
      readonly inputs: Properties;
      readonly preview: boolean;
    },
  ): Promise<{ readonly outputs: Properties }>;
  /** What really is there; `undefined` = gone. In an import `inputs` and `outputs` are empty and only `id` is known. */
  read(
    call: ResourceCall & { readonly id: string; readonly inputs: Properties; readonly outputs: Properties },
  ): Promise<ReadResult | undefined>;
  delete(
    call: ResourceCall & { readonly id: string; readonly outputs: Properties; readonly oldInputs: Properties },
  ): Promise<void>;
  /** A function of the provider, e.g. `aws:iam/getPolicyDocument:getPolicyDocument`. */
  invoke?(token: string, args: Properties): Promise<Properties>;
  /** The first ^C. Also called at the end of every run. */
  cancel?(): void;
}

/**
 * Thrown by create or update when the work was done in part: the state keeps `outputs`, each reason is printed on a line of its
 * own, and the next `up` calls update with these outputs as `olds`, even when no input changed.
 */
export class PartialFailure extends Error {
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
  readonly reasons: readonly string[];
  constructor(done: { id: string; inputs: Properties; outputs: Properties; reasons: readonly string[] }) {
    super(done.reasons.join("\n"));
    this.id = done.id;
    this.inputs = done.inputs;
    this.outputs = done.outputs;
    this.reasons = done.reasons;
  }
}

/** Thrown by create when the cloud already has it: becomes gRPC's ALREADY_EXISTS. */
export class AlreadyExists extends Error {}

/** How serious a line of {@link ResourceLog} is. */
export type MessageSeverity = "info" | "warning" | "error";

/** Lines on a resource's row of the user's screen, and messages for whoever debugs. */
export interface ResourceLog {
  /** Replaces the row's status text: progress. In a CI log each call is one line, so throttle. */
  status(urn: string, message: string): Promise<void>;
  /** A line that also stays under "Diagnostics". An `error` makes the preview or the run fail. */
  lasting(urn: string, severity: MessageSeverity, message: string): Promise<void>;
  /** A message that the CLI shows under `--debug` only. Undefined when it was not given: there is no need to make one. */
  readonly debug?: (message: string) => void;
}

/**
 * Serves a provider to the engine that started this process, until the engine goes away.
 * The engine's address is this process's first argument; our port is the first line on stdout, so nothing may print before it.
 * @param make receives the log to the engine and returns the provider.
 */
export function serveProvider(make: (log: ResourceLog) => ResourceProvider): void {
  const engineAddress = process.argv[2];
  if (engineAddress === undefined) {
    process.stderr.write("This is a plugin of Pulumi: the engine starts it, with its address as the argument.\n");
    process.exit(2);
  }
  exitWithParent();
  const log = engineLog(engineAddress);
  const methods = implementation(make(log));
  // Node writes its cache of compiled modules (NODE_COMPILE_CACHE) when a process exits, and the engine ends a plugin before: after `cancel`,
  // when all is loaded that the run needed, which can be twice what the start needs.
  const cancel = (call: Call, reply: Reply): void =>
    methods["cancel"]!(call, (...answer) => {
      flushCompileCache();
      reply(...answer);
    });
  void serve(timed({ ...methods, cancel }, log.debug)).then(({ port }) => {
    process.stdout.write(`${port}\n`);
    flushCompileCache();
  });
}

/** A provider that engines attach to (PULUMI_DEBUG_PROVIDERS), so that none of their runs starts a process for it. */
export interface AttachableProvider {
  readonly port: number;
  close(): void;
}

/**
 * Serves a provider in this process to any number of engines, one after the other or at once.
 * @param make returns the provider of one connection: that of an engine's run, with its configuration.
 */
export async function serveAttachable(make: () => ResourceProvider): Promise<AttachableProvider> {
  const connections = new Map<string, Methods>();
  const stateless = implementation(make()); // the handshake comes before the attachment
  const methods = Object.keys(stateless).map((name) => {
    const method = (call: Call & { getPeer(): string }, reply: Reply): void => {
      const peer = call.getPeer();
      if (name === "attach") connections.set(peer, implementation(make()));
      (connections.get(peer) ?? stateless)[name]!(call, reply);
    };
    return [name, method] as const;
  });
  const { server, port } = await serve(Object.fromEntries(methods));
  return { port, close: () => server.forceShutdown() };
}

/** Serves these methods on a free loopback port. */
async function serve(methods: Readonly<Record<string, unknown>>): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server(messageLimits);
  server.addService(serviceDefinition(), methods as grpc.UntypedServiceImplementation);
  const bound = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) bound.reject(error);
    else bound.resolve(port);
  });
  return { server, port: await bound.promise };
}

/** The service; messages that carry properties are read and written by codec.ts. */
function serviceDefinition(): grpc.ServiceDefinition {
  const definition = { ...(services.ResourceProviderService as unknown as grpc.ServiceDefinition) };
  for (const [name, own] of Object.entries(ownMessages)) {
    definition[name] = { ...definition[name]!, ...own } as grpc.MethodDefinition<object, object>;
  }
  return definition;
}

const ownMessages: Readonly<
  Record<string, Partial<Pick<grpc.MethodDefinition<unknown, never>, "requestDeserialize" | "responseSerialize">>>
> = {
  configure: { requestDeserialize: codec.readConfigureRequest },
  check: { requestDeserialize: codec.readCheckRequest, responseSerialize: codec.writeCheckResponse },
  diff: { requestDeserialize: codec.readDiffRequest },
  create: { requestDeserialize: codec.readCreateRequest, responseSerialize: codec.writeCreateResponse },
  update: { requestDeserialize: codec.readUpdateRequest, responseSerialize: codec.writeUpdateResponse },
  read: { requestDeserialize: codec.readReadRequest, responseSerialize: codec.writeReadResponse },
  delete: { requestDeserialize: codec.readDeleteRequest },
  invoke: { requestDeserialize: codec.readInvokeRequest, responseSerialize: codec.writeInvokeResponse },
};

/** gRPC's default of 4 MiB is too small: one project's inputs alone can be larger. Bytes, both directions. */
const messageLimits = {
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
};

/** After a kill -9 of the CLI nobody stops a plugin, and an orphan would go on writing: it stops by itself. */
function exitWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, 100).unref();
}

function engineLog(address: string): ResourceLog {
  const engine = new EngineClient(address, grpc.credentials.createInsecure());
  const severities = {
    debug: LogSeverity.DEBUG,
    info: LogSeverity.INFO,
    warning: LogSeverity.WARNING,
    error: LogSeverity.ERROR,
  };
  const send = (urn: string, severity: MessageSeverity | "debug", message: string, ephemeral: boolean): Promise<void> =>
    new Promise((done) => {
      const request = new LogRequest();
      request.setUrn(urn);
      request.setSeverity(severities[severity]);
      request.setMessage(message);
      request.setEphemeral(ephemeral);
      request.setStreamid(ephemeral ? 1 : 0); // one stream must not mix both kinds, else the lasting text is lost
      // An unreachable engine ends this process anyway (exitWithParent): a lost line is not worth a failed copy.
      engine.log(request, () => done());
    });
  return {
    status: (urn, message) => send(urn, "info", message, true),
    lasting: (urn, severity, message) => send(urn, severity, message, false),
    ...(debugArgument() && { debug: (message: string) => void send("", "debug", message, false) }),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the generated messages share no base type with their accessors
type Call = { request: any };
type Reply = (error: object | null, reply?: unknown) => void;
type Methods = Readonly<Record<string, (call: Call, reply: Reply) => void>>;

/** A call whose request codec.ts has read. */
interface Request<Read extends (bytes: Uint8Array) => unknown> {
  readonly request: ReturnType<Read>;
}

function implementation(provider: ResourceProvider): Methods {
  const unimplemented = (_call: Call, reply: Reply): void => reply({ code: grpc.status.UNIMPLEMENTED });
  return {
    // An empty answer to the handshake: secrets then arrive as plain values and the engine keeps them encrypted in the state.
    handshake: (_call: Call, reply: Reply) => reply(null, new pb.ProviderHandshakeResponse()),
    getPluginInfo: (_call: Call, reply: Reply) => {
      const info = new PluginInfo();
      info.setVersion(provider.version);
      reply(null, info);
    },
    getSchema: (_call: Call, reply: Reply) => {
      const response = new pb.GetSchemaResponse();
      response.setSchema(JSON.stringify({ name: provider.name, version: provider.version }));
      reply(null, response);
    },
    checkConfig: (call: Call, reply: Reply) => {
      const response = new pb.CheckResponse();
      response.setInputs(call.request.getNews());
      reply(null, response);
    },
    diffConfig: (_call: Call, reply: Reply) => reply(null, new pb.DiffResponse()),
    configure: answer(async ({ request }: Request<typeof codec.readConfigureRequest>) => {
      await provider.configure?.(request.args);
      const response = new pb.ConfigureResponse();
      response.setSupportspreview(true); // else create and update are not asked in a preview
      return response;
    }),
    check: answer(async ({ request }: Request<typeof codec.readCheckRequest>): Promise<codec.CheckResponse> => {
      const { urn, olds, news } = request;
      const checked = (await provider.check?.({ ...callOf(urn), olds, news })) ?? { inputs: news };
      return { inputs: checked.inputs, failures: checked.failures ?? [] };
    }),
    diff: answer(async (call: Request<typeof codec.readDiffRequest>) => {
      const { urn, id, news, oldInputs } = call.request;
      const request = {
        ...callOf(urn),
        id,
        news,
        oldInputs,
        // The largest, and not every provider looks at it.
        get olds() {
          return call.request.olds;
        },
      };
      const diff = (await provider.diff?.(request)) ?? { changed: compareInputs(request.oldInputs, request.news) };
      const response = new pb.DiffResponse();
      const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
      response.setChanges(diff.changed.length > 0 ? DIFF_SOME : DIFF_NONE);
      response.setDiffsList([...diff.changed]);
      response.setReplacesList([...(diff.replaces ?? [])]);
      response.setDeletebeforereplace(diff.deleteBeforeReplace ?? false);
      return response;
    }),
    create: answer(async ({ request }: Request<typeof codec.readCreateRequest>) => {
      const { urn, inputs, preview } = request;
      const { id, outputs } = await provider.create({ ...callOf(urn), inputs, preview });
      return { id: preview ? "" : id, outputs };
    }),
    update: answer(async ({ request }: Request<typeof codec.readUpdateRequest>) => {
      const { urn, id, olds, oldInputs, news: inputs, preview } = request;
      return await provider.update({ ...callOf(urn), id, olds, oldInputs, inputs, preview });
    }),
    read: answer(async ({ request }: Request<typeof codec.readReadRequest>) => {
      const { urn, id, inputs, outputs } = request;
      return await provider.read({ ...callOf(urn), id, inputs, outputs });
    }),
    delete: answer(async ({ request }: Request<typeof codec.readDeleteRequest>) => {
      const { urn, id, outputs, oldInputs } = request;
      await provider.delete({ ...callOf(urn), id, outputs, oldInputs });
      return new Empty();
    }),
    invoke:
      provider.invoke === undefined
        ? unimplemented
        : answer(
            async ({ request }: Request<typeof codec.readInvokeRequest>) =>
              (await provider.invoke?.(request.token, request.args)) ?? {},
          ),
    cancel: (_call: Call, reply: Reply) => {
      provider.cancel?.();
      reply(null, new Empty());
    },
    attach: (_call: Call, reply: Reply) => reply(null, new Empty()),
    getMapping: (_call: Call, reply: Reply) => reply(null, new pb.GetMappingResponse()),
    getMappings: (_call: Call, reply: Reply) => reply(null, new pb.GetMappingsResponse()),
    construct: unimplemented,
    call: unimplemented,
    parameterize: unimplemented,
    streamInvoke: (call: Call) => (call as Call & { end(): void }).end(),
  };
}

/** The calls about one resource. */
const resourceCalls = new Set(["check", "diff", "create", "update", "read", "delete"]);

/** With a debug message for each call that has ended: `promotion:index:PromotedFiles life: check in 3 ms`. */
function timed(methods: Methods, debug: ResourceLog["debug"]): Methods {
  if (debug === undefined) return methods;
  const wrap = (name: string, method: (call: Call, reply: Reply) => void) => (call: Call, reply: Reply) => {
    const began = performance.now();
    const urn: string = call.request.urn;
    method(call, (error, answer) => {
      const outcome = error === null ? "" : " failed";
      debug(`${typeOfUrn(urn)} ${nameOfUrn(urn)}: ${name}${outcome} in ${Math.round(performance.now() - began)} ms`);
      reply(error, answer);
    });
  };
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [name, resourceCalls.has(name) ? wrap(name, method) : method]),
  );
}

/** One gRPC method around an async function: its result is the reply, what it throws is the error. */
function answer(method: (call: Call) => Promise<unknown>): (call: Call, reply: Reply) => void {
  return (call, reply) => {
    method(call).then(
      (response) => reply(null, response),
      (error: unknown) => reply(grpcError(error)),
    );
  };
}

function grpcError(error: unknown): object {
  if (error instanceof PartialFailure) return partialFailure(error);
  const code = error instanceof AlreadyExists ? grpc.status.ALREADY_EXISTS : grpc.status.UNKNOWN;
  return { code, details: error instanceof Error ? error.message : String(error) };
}

function partialFailure(failure: PartialFailure): object {
  const any = new Any();
  any.pack(codec.writeInitFailed(failure), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage("partial failure");
  status.addDetails(any);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: "partial failure", metadata };
}

/** `urn:pulumi:<stack>::<project>::<parent types$>type::<name>`; the request's own type field is empty in some calls. */
function callOf(urn: string): ResourceCall {
  return { urn, type: typeOfUrn(urn), name: nameOfUrn(urn) };
}

function typeOfUrn(urn: string): string {
  const qualified = urn.split("::")[2] ?? "";
  return qualified.slice(qualified.lastIndexOf("$") + 1);
}

function nameOfUrn(urn: string): string {
  return urn.split("::").slice(3).join("::");
}
