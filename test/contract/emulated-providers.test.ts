/** The emulated providers as the engine uses them: starts their executables and calls them over gRPC. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { after, before, describe, it } from "mocha";
import { type Properties, unknown } from "../../components/plugin/properties.ts";
import { sdkVersion } from "../../components/plugin/sdk-version.ts";
import { serveProviders } from "../../local/providers/attach.ts";
import { installProviders } from "../../local/providers/install.ts";
import { schemaOf } from "../../local/providers/schema.ts";
import { type TestCloud, testCloud } from "../support/emulated-cloud.ts";

const require = createRequire(import.meta.url);
const { ResourceProviderClient } =
  require("@pulumi/pulumi/proto/provider_grpc_pb.js") as typeof import("@pulumi/pulumi/proto/provider_grpc_pb.js");
const pb = require("@pulumi/pulumi/proto/provider_pb.js") as typeof import("@pulumi/pulumi/proto/provider_pb.js");
const { Struct } =
  require("google-protobuf/google/protobuf/struct_pb.js") as typeof import("google-protobuf/google/protobuf/struct_pb.js");
const { PluginAttach } =
  require("@pulumi/pulumi/proto/plugin_pb.js") as typeof import("@pulumi/pulumi/proto/plugin_pb.js");
type Message = InstanceType<typeof Struct>;

let t: TestCloud;
let gcp: Plugin;
let aws: Plugin;
let cloudflare: Plugin;

const struct = (properties: Properties): Message => Struct.fromJavaScript(JSON.parse(JSON.stringify(properties)));
const js = (message: Message | undefined): Properties => (message?.toJavaScript() as Properties | undefined) ?? {};

describe("emulated providers over gRPC", () => {
  before(async () => {
    t = await testCloud();
    installProviders(join(t.dir, "home"));
    [gcp, aws, cloudflare] = await Promise.all([
      plugin("gcp", { project: "demo", region: "us-central1", defaultLabels: JSON.stringify({ team: "release" }) }),
      plugin("aws", { region: "us-east-1" }),
      plugin("cloudflare", {}),
    ]);
  });
  after(async () => {
    for (const one of [gcp, aws, cloudflare]) one.process.kill();
    await t.end();
  });

  const bucketType = "gcp:storage/bucket:Bucket";

  it("names the type and the property of a missing required input", async () => {
    const { failures } = await gcp.check("gcp:artifactregistry/repository:Repository", { format: "DOCKER" });
    assert.deepEqual(failures, [
      "gcp:artifactregistry/repository:Repository: Missing required property 'repositoryId'",
    ]);
    const { failures: two } = await aws.check("aws:s3/bucketPolicy:BucketPolicy", {});
    assert.deepEqual(two, [
      "aws:s3/bucketPolicy:BucketPolicy: Missing required property 'bucket'",
      "aws:s3/bucketPolicy:BucketPolicy: Missing required property 'policy'",
    ]);
    const { failures: none } = await cloudflare.check("cloudflare:index/dnsRecord:DnsRecord", {
      zoneId: unknown,
      name: "x",
      type: "A",
      ttl: 1,
    });
    assert.deepEqual(none, [], "a value that is not known yet is one");
  });

  it("generates names where the cloud needs one, and keeps them", async () => {
    const first = await gcp.check(bucketType, { location: "US" }, undefined, "Pictures");
    assert.match(String(first.inputs["name"]), /^pictures-[0-9a-f]{7}$/);
    const again = await gcp.check(bucketType, { location: "EU" }, first.inputs, "Pictures");
    assert.equal(again.inputs["name"], first.inputs["name"]);
    const own = await gcp.check(bucketType, { location: "EU", name: "mine" }, first.inputs, "Pictures");
    assert.equal(own.inputs["name"], "mine");
    const role = await aws.check("aws:iam/role:Role", { assumeRolePolicy: { Statement: [], Id: "a" } });
    assert.match(String(role.inputs["name"]), /^x-/);
    assert.equal(role.inputs["assumeRolePolicy"], '{"Id":"a","Statement":[]}', "documents are texts");
    const grant = await gcp.check("gcp:cloudrunv2/serviceIamMember:ServiceIamMember", {
      role: "r",
      member: "allUsers",
      name: "s",
    });
    assert.deepEqual(grant.inputs, { role: "r", member: "allUsers", name: "s" });
  });

  it("a preview knows the inputs and what the provider decides; other outputs are unknown", async () => {
    const inputs = { name: "seen", location: "US" };
    const { id, outputs } = await gcp.create(bucketType, inputs, true);
    assert.deepEqual(
      [id, outputs["name"], outputs["project"], outputs["deletionPolicy"]],
      ["", "seen", "demo", "DELETE"],
    );
    assert.deepEqual([outputs["selfLink"], outputs["url"], outputs["timeCreated"]], [unknown, unknown, unknown]);
    assert.equal((await gcp.read(bucketType, "seen")).id, "", "a preview makes nothing");
  });

  it("a created resource has every declared output and reads back unchanged", async () => {
    const inputs = { name: "made", location: "US", labels: { a: "b" } };
    const { id, outputs } = await gcp.create(bucketType, inputs);
    assert.equal(id, "made");
    const missing = [...schemaOf(bucketType)!.outputs.keys()].filter((name) => outputs[name] === undefined);
    assert.deepEqual(missing, []);
    assert.deepEqual([outputs["url"], outputs["project"]], ["gs://made", "demo"]);
    assert.deepEqual(outputs["effectiveLabels"], { team: "release", a: "b", "goog-pulumi-provisioned": "true" });
    assert.deepEqual(await gcp.read(bucketType, id, inputs), { id, outputs, inputs });
    await assert.rejects(gcp.create(bucketType, inputs), {
      code: grpc.status.ALREADY_EXISTS,
      details: /^googleapi: Error 409/,
    });

    const wanted = { ...inputs, labels: { a: "c" } };
    const planned = await gcp.update(bucketType, id, outputs, inputs, wanted, true);
    assert.deepEqual(
      [planned["labels"], planned["selfLink"]],
      [{ a: "c" }, outputs["selfLink"]],
      "nothing known becomes unknown",
    );
    const updated = await gcp.update(bucketType, id, outputs, inputs, wanted);
    assert.deepEqual(updated["effectiveLabels"], { team: "release", a: "c", "goog-pulumi-provisioned": "true" });
    assert.deepEqual((await gcp.read(bucketType, id)).outputs, updated);
    await gcp.delete(bucketType, id);
    assert.equal((await gcp.read(bucketType, id)).id, "");
  });

  it("a metric's new name is planned as an update, and refused then", async () => {
    const type = "gcp:logging/metric:Metric";
    const inputs = { project: "demo", name: "before", filter: "severity>=ERROR" };
    const renamed = { ...inputs, name: "after" };
    const { id, outputs } = await gcp.create(type, inputs);
    assert.deepEqual(await gcp.diff(type, id, inputs, renamed), {
      changed: ["name"],
      replaces: [],
      deleteFirst: false,
    });
    await assert.rejects(gcp.update(type, id, outputs, inputs, renamed), /Error 404: name after does not exist/);
    await gcp.update(type, id, outputs, inputs, { ...inputs, filter: "severity>=WARNING" });
    await gcp.delete(type, id);
  });

  it("a custom role that was deleted is made again under its name, as the provider revives it", async () => {
    const type = "gcp:projects/iAMCustomRole:IAMCustomRole";
    const inputs = { project: "demo", roleId: "lister", title: "Lister", permissions: ["storage.objects.list"] };
    const { id, outputs } = await gcp.create(type, inputs);
    await gcp.delete(type, id);
    assert.equal((await gcp.read(type, id)).id, "");
    const again = await gcp.create(type, inputs);
    assert.deepEqual([again.id, again.outputs["name"]], [id, outputs["name"]]);
    await gcp.delete(type, id);
  });

  it("a change of an identifying input replaces a resource; with an explicit name the old one is deleted first", async () => {
    const before = { name: "b", location: "US", versioning: { enabled: false } };
    const changed = await gcp.diff(bucketType, "b", before, { ...before, versioning: { enabled: true } });
    assert.deepEqual(changed, { changed: ["versioning"], replaces: [], deleteFirst: false });
    const moved = await gcp.diff(bucketType, "b", before, { ...before, location: "EU" });
    assert.deepEqual(moved, { changed: ["location"], replaces: ["location"], deleteFirst: true });
    const repository = "projects/demo/locations/us/repositories/r";
    const elsewhere = await gcp.diff(
      "gcp:artifactregistry/repository:Repository",
      repository,
      { repositoryId: "r", location: "us" },
      { repositoryId: "r", location: "eu" },
    );
    assert.deepEqual(elsewhere, { changed: ["location"], replaces: ["location"], deleteFirst: false });
    const grant = { bucket: "b", role: "r", members: ["a"] };
    const binding = "gcp:storage/bucketIAMBinding:BucketIAMBinding";
    assert.deepEqual((await gcp.diff(binding, "b/b/r", grant, { ...grant, members: ["a", "c"] })).replaces, []);
    assert.deepEqual((await gcp.diff(binding, "b/b/r", grant, { ...grant, role: "s" })).replaces, ["role"]);
  });

  it("a refresh finds a binding that is gone, without members, and an update makes it; with its bucket it is gone", async () => {
    const type = "gcp:storage/bucketIAMBinding:BucketIAMBinding";
    const bucket = await gcp.create(bucketType, { name: "bound", location: "US" });
    const inputs = { bucket: "bound", role: "roles/storage.objectViewer", members: ["allUsers"] };
    const { id, outputs } = await gcp.create(type, inputs);
    await gcp.delete(type, id); // by hand
    const found = await gcp.read(type, id, inputs);
    assert.deepEqual([found.id, found.inputs["members"]], [id, []]);
    await gcp.update(type, id, outputs, { ...inputs, members: [] }, inputs);
    assert.deepEqual((await gcp.read(type, id, inputs)).inputs["members"], ["allUsers"]);
    await gcp.delete(type, id);
    await gcp.delete(bucketType, bucket.id);
    assert.equal((await gcp.read(type, id, inputs)).id, "");
  });

  it("an asset changes with its content, not with its path", async () => {
    const asset = (path: string, hash: string) => ({
      bucket: "b",
      name: "o",
      source: { "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", path, hash },
    });
    const type = "gcp:storage/bucketObject:BucketObject";
    assert.deepEqual((await gcp.diff(type, "b-o", asset("a.zip", "1"), asset("/x/a.zip", "1"))).changed, []);
    assert.deepEqual((await gcp.diff(type, "b-o", asset("a.zip", "1"), asset("a.zip", "2"))).replaces, ["source"]);
  });

  it("uploads an object from a file beside the program", async () => {
    await gcp.create(bucketType, { name: "objects", location: "US" });
    await writeFile(join(t.dir, "file.txt"), "content of the file");
    const inputs = {
      bucket: "objects",
      name: "dir/o",
      contentType: "text/plain",
      source: { "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", path: "file.txt", hash: "1" },
    };
    const { id, outputs } = await gcp.create("gcp:storage/bucketObject:BucketObject", inputs);
    assert.equal(id, "objects-dir/o");
    assert.equal(typeof outputs["generation"], "number");
    const stored = await fetch(`${t.cloud.endpoints.gcs}/storage/v1/b/objects/o/dir%2Fo?alt=media`);
    assert.deepEqual([await stored.text(), stored.headers.get("content-type")], ["content of the file", "text/plain"]);
    await rm(join(t.dir, "file.txt"));
    await assert.rejects(gcp.create("gcp:storage/bucketObject:BucketObject", { ...inputs, name: "p" }), {
      details: /cannot be read.*file\.txt/,
    });
    await gcp.delete("gcp:storage/bucketObject:BucketObject", id);
  });

  it("supports types without special rules, known to the SDK or not", async () => {
    const cases = [
      { provider: gcp, type: "gcp:pubsub/topic:Topic", inputs: { name: "news" }, id: /^projects\/demo\/.*\/news$/ },
      { provider: gcp, type: "gcp:nothing/ofThis:OfThis", inputs: { name: "n" }, id: /n$/ },
      { provider: aws, type: "aws:sns/topic:Topic", inputs: { name: "news" }, id: /^news$/ },
      {
        provider: cloudflare,
        type: "cloudflare:index/list:List",
        inputs: { accountId: "a", kind: "ip", name: "mirror" },
        id: /^[0-9a-f]{32}$/,
      },
      {
        provider: cloudflare,
        type: "cloudflare:index/ruleset:Ruleset",
        inputs: { zoneId: "z", name: "n", kind: "zone", phase: "p" },
        id: /^[0-9a-f]{32}$/,
      },
    ];
    for (const { provider, type, inputs, id: form } of cases) {
      const made = await provider.create(type, inputs);
      assert.match(made.id, form, type);
      for (const name of schemaOf(type)?.outputs.keys() ?? [])
        assert.notEqual(made.outputs[name], undefined, `${type}.${name}`);
      assert.deepEqual(await provider.read(type, made.id, inputs), { id: made.id, outputs: made.outputs, inputs });
      await assert.rejects(provider.create(type, inputs), { code: grpc.status.ALREADY_EXISTS }, `${type} twice`);
      await provider.delete(type, made.id);
    }
  });

  /** What the real providers did (facts of 2026-11-28, run): the forms of an id that they take, and what they read. */
  it("an import takes the real providers' ids, and gives back what the cloud stores", async () => {
    const record = {
      zoneId: "z",
      name: "example.org",
      type: "CAA",
      ttl: 300,
      data: { flags: "0", tag: "issue", value: "x" },
    };
    const dashboardJson = JSON.stringify({ displayName: "d" });
    const cases: readonly {
      readonly provider: Plugin;
      readonly type: string;
      readonly inputs: Properties;
      readonly ids: (id: string) => readonly string[];
      readonly refused: (id: string) => readonly string[];
      readonly read: Properties;
    }[] = [
      {
        provider: gcp,
        type: bucketType,
        inputs: { name: "imported", location: "US", labels: { a: "b" }, forceDestroy: false, storageClass: "STANDARD" },
        ids: () => ["imported", "demo/imported"],
        refused: () => ["projects/demo/buckets/imported", "other"],
        read: { name: "imported", location: "US" },
      },
      {
        provider: gcp,
        type: "gcp:monitoring/dashboard:Dashboard",
        inputs: { dashboardJson },
        ids: (id) => [id.replace(/^projects\/\d+/, "projects/demo")],
        refused: () => ["projects/demo/dashboards/other"],
        read: { dashboardJson },
      },
      {
        provider: gcp,
        type: "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup",
        inputs: { name: "neg", region: "us-central1" },
        ids: () => ["us-central1/neg", "demo/us-central1/neg"],
        refused: () => ["neg"],
        read: { name: "neg", region: "us-central1" },
      },
      {
        provider: cloudflare,
        type: "cloudflare:index/dnsRecord:DnsRecord",
        inputs: { ...record, proxied: false },
        ids: (id) => [`z/${id}`],
        refused: (id) => [id],
        read: { ...record, data: { flags: 0, tag: "issue", value: "x" } },
      },
      {
        provider: aws,
        type: "aws:s3/bucket:Bucket",
        inputs: { bucket: "imported", region: "eu-west-2", forceDestroy: false },
        ids: () => ["imported@eu-west-2", "imported"],
        refused: () => ["arn:aws:s3:::imported"],
        read: { bucket: "imported", region: "eu-west-2" },
      },
    ];
    for (const { provider, type, inputs, ids, refused, read } of cases) {
      const { id } = await provider.create(type, inputs);
      for (const one of ids(id)) assert.deepEqual((await provider.read(type, one)).inputs, read, `${type} ${one}`);
      for (const one of refused(id)) assert.equal((await provider.read(type, one)).id, "", `${type} ${one}`);
      await provider.delete(type, id);
    }
  });

  it("what an import reads can end a run: an objective's service, an id with the project's number, a flag as text", async () => {
    const slo = {
      service: "redirector",
      sloId: "latency",
      goal: 0.99,
      rollingPeriodDays: 28,
      basicSli: { availability: {} },
    };
    const made = await gcp.create("gcp:monitoring/slo:Slo", slo);
    const imported = await gcp.read(
      "gcp:monitoring/slo:Slo",
      "projects/demo/services/redirector/serviceLevelObjectives/latency",
    );
    assert.deepEqual((await gcp.diff("gcp:monitoring/slo:Slo", made.id, imported.inputs, slo)).replaces, ["service"]);

    const dashboard = { dashboardJson: "{}" };
    const type = "gcp:monitoring/dashboard:Dashboard";
    const { id } = await gcp.create(type, dashboard);
    assert.match(id, /^projects\/\d+\//);
    const byNumber = await gcp.read(type, id);
    assert.deepEqual((await gcp.diff(type, id, byNumber.inputs, dashboard)).replaces, ["project"]);

    const flags = (value: unknown) => ({ type: "CAA", data: { flags: value, tag: "issue", value: "x" } });
    await assert.rejects(
      cloudflare.diff("cloudflare:index/dnsRecord:DnsRecord", "x", flags(0), flags("0")),
      /can't unmarshal/,
    );
    await assert.rejects(gcp.read("gcp:projects/serviceIdentity:ServiceIdentity", "x"), /cannot be imported/);
  });

  it("ids and outputs have the real providers' forms", async () => {
    const account = await gcp.create("gcp:serviceaccount/account:Account", { accountId: "deploy" });
    assert.equal(account.id, "projects/demo/serviceAccounts/deploy@demo.iam.gserviceaccount.com");
    assert.equal(account.outputs["member"], "serviceAccount:deploy@demo.iam.gserviceaccount.com");
    const check = await gcp.create("gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig", {
      displayName: "registry /v2/",
      timeout: "10s",
    });
    assert.equal(check.id, `projects/demo/uptimeCheckConfigs/${String(check.outputs["uptimeCheckId"])}`);
    const pool = await gcp.create("gcp:iam/workloadIdentityPool:WorkloadIdentityPool", {
      workloadIdentityPoolId: "github",
    });
    assert.match(String(pool.outputs["name"]), /^projects\/\d+\/locations\/global\/workloadIdentityPools\/github$/);
    const addresses = await Promise.all(
      ["a", "b"].map((name) => gcp.create("gcp:compute/globalAddress:GlobalAddress", { name })),
    );
    assert.notEqual(addresses[0]!.outputs["address"], addresses[1]!.outputs["address"]);
    assert.equal(addresses[0]!.outputs["selfLink"], `https://www.googleapis.com/compute/v1/${addresses[0]!.id}`);
    const role = await aws.create("aws:iam/role:Role", { name: "deploy", assumeRolePolicy: "{}" });
    assert.deepEqual([role.id, role.outputs["arn"]], ["deploy", "arn:aws:iam::123456789012:role/deploy"]);
    const bucket = await aws.create("aws:s3/bucket:Bucket", { bucket: "layers", region: "eu-west-2" });
    assert.deepEqual([bucket.outputs["arn"], bucket.outputs["region"]], ["arn:aws:s3:::layers", "eu-west-2"]);
  });

  it("refuses a second equal DNS record, whatever its id", async () => {
    const type = "cloudflare:index/dnsRecord:DnsRecord";
    const inputs = { zoneId: "z", name: "a.example.org", type: "A", content: "203.0.113.1", ttl: 300 };
    const { id, outputs } = await cloudflare.create(type, inputs);
    await assert.rejects(cloudflare.create(type, inputs), { code: grpc.status.ALREADY_EXISTS, details: /81058/ });
    const moved = { ...inputs, content: "203.0.113.2" };
    assert.deepEqual((await cloudflare.diff(type, id, inputs, moved)).replaces, []);
    await cloudflare.update(type, id, outputs, inputs, moved);
    assert.notEqual((await cloudflare.create(type, inputs)).id, id);
  });

  it("R2: refuses a second bucket and a second domain of one name, and makes a second token", async () => {
    const accountId = "a".repeat(32);
    const bucket = { accountId, name: "images", jurisdiction: "default" };
    const domain = { accountId, bucketName: "images", domain: "i.example.org", enabled: true, zoneId: "b".repeat(32) };
    const policy = { effect: "allow", permissionGroups: [{ id: "c" }], resources: "{}" };
    for (const [type, inputs] of [
      ["cloudflare:index/r2Bucket:R2Bucket", bucket],
      ["cloudflare:index/r2CustomDomain:R2CustomDomain", domain],
    ] as const) {
      await cloudflare.create(type, inputs);
      await assert.rejects(cloudflare.create(type, inputs), { code: grpc.status.ALREADY_EXISTS, details: /409/ });
    }
    const make = () => cloudflare.create("cloudflare:index/apiToken:ApiToken", { name: "t", policies: [policy] });
    const [one, two] = [await make(), await make()];
    assert.notEqual(one.id, two.id);
    assert.match(String(one.outputs["value"]), /^[0-9a-f]{40}$/);
  });

  it("answers functions and names an unknown one", async () => {
    const { json } = await aws.invoke("aws:iam/getPolicyDocument:getPolicyDocument", {
      statements: [
        {
          actions: ["sts:AssumeRoleWithWebIdentity"],
          principals: [{ type: "Federated", identifiers: ["arn"] }],
          conditions: [
            { test: "StringEquals", variable: "aud", values: ["sts"] },
            { test: "StringLike", variable: "sub", values: ["a", "b"] },
          ],
        },
      ],
    });
    assert.deepEqual(JSON.parse(String(json)), {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: "sts:AssumeRoleWithWebIdentity",
          Principal: { Federated: "arn" },
          Condition: { StringEquals: { aud: "sts" }, StringLike: { sub: ["b", "a"] } },
        },
      ],
    });
    const bindings = [{ role: "r", members: ["allUsers"] }];
    const { policyData } = await gcp.invoke("gcp:organizations/getIAMPolicy:getIAMPolicy", { bindings });
    assert.deepEqual(JSON.parse(String(policyData)), { bindings });
    assert.equal((await gcp.invoke("gcp:organizations/getProject:getProject", {}))["projectId"], "demo");
    assert.equal((await aws.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}))["accountId"], "123456789012");
    await assert.rejects(gcp.invoke("gcp:compute/getImage:getImage", {}), {
      details: /does not have the function gcp:compute\/getImage:getImage/,
    });
  });

  it("a provider without a running cloud reports what to do", async () => {
    const orphan = spawn(
      join(t.dir, "home/plugins", `resource-gcp-v${sdkVersion("gcp")}`, "pulumi-resource-gcp"),
      ["127.0.0.1:1"],
      {
        env: { PATH: process.env["PATH"] },
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    const [[said], [code]] = (await Promise.all([once(orphan.stderr!, "data"), once(orphan, "close")])) as [
      [Buffer],
      [number],
    ];
    assert.match(String(said), /ARTIFACTS_CLOUD is not set.*npm start/);
    assert.equal(code, 1);
  });

  it("attached to instead of started, keep the settings of engines that run at once apart", async () => {
    const served = await serveProviders(t.cloud.control);
    try {
      const port = Number(/\bgcp:(\d+)/.exec(served.addresses)?.[1]);
      const projects = ["one", "two"];
      const clients = await Promise.all(projects.map((project) => connect(port, { project }, false)));
      const created = await Promise.all(clients.map((client) => client.create(bucketType, { name: "a" }, true)));
      assert.deepEqual(
        created.map(({ outputs }) => outputs["project"]),
        projects,
      );
    } finally {
      served.close();
    }
  });
});

/** The engine's side of one provider process. */
interface Plugin extends Client {
  readonly process: ChildProcess;
}

/** The engine's side of one connection to a provider. */
interface Client {
  check(
    type: string,
    news: Properties,
    olds?: Properties,
    name?: string,
  ): Promise<{ inputs: Properties; failures: string[] }>;
  diff(
    type: string,
    id: string,
    oldInputs: Properties,
    news: Properties,
  ): Promise<{ changed: string[]; replaces: string[]; deleteFirst: boolean }>;
  create(type: string, inputs: Properties, preview?: boolean): Promise<{ id: string; outputs: Properties }>;
  update(
    type: string,
    id: string,
    olds: Properties,
    oldInputs: Properties,
    inputs: Properties,
    preview?: boolean,
  ): Promise<Properties>;
  /** A refresh, by the state's inputs; an import without. */
  read(type: string, id: string, inputs?: Properties): Promise<{ id: string; outputs: Properties; inputs: Properties }>;
  delete(type: string, id: string): Promise<void>;
  invoke(token: string, args: Properties): Promise<Properties>;
}

async function plugin(name: string, settings: Properties): Promise<Plugin> {
  const file = join(t.dir, "home/plugins", `resource-${name}-v${sdkVersion(name)}`, `pulumi-resource-${name}`);
  accessSync(file, constants.X_OK);
  const process = spawn(file, ["127.0.0.1:1"], {
    cwd: t.dir,
    env: { ...globalThis.process.env, ...t.cloud.environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(process.stdout!, "data")) as [Buffer];
  return { ...(await connect(Number(line), settings)), process };
}

/** Connects as the engine does; it says so to a provider that it has not started itself. */
async function connect(port: number, settings: Properties, isStarted = true): Promise<Client> {
  const client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1, // a connection of its own, as each engine has
  });
  const call = <Request, Response>(
    method: (request: Request, reply: (error: unknown, response: Response) => void) => unknown,
    request: Request,
  ) =>
    new Promise<Response>((resolve, reject) =>
      method.call(client, request, (error, response) => (error ? reject(error) : resolve(response))),
    );
  const urn = (type: string, logical = "x") => `urn:pulumi:local::test::${type}::${logical}`;
  if (!isStarted) await call(client.attach.bind(client) as never, new PluginAttach());
  const configure = new pb.ConfigureRequest();
  configure.setArgs(struct(settings));
  await call<typeof configure, unknown>(client.configure.bind(client) as never, configure);
  return {
    async check(type, news, olds, logical) {
      const request = new pb.CheckRequest();
      request.setUrn(urn(type, logical));
      request.setNews(struct(news));
      if (olds) request.setOlds(struct(olds));
      const response = await call<typeof request, InstanceType<typeof pb.CheckResponse>>(
        client.check.bind(client) as never,
        request,
      );
      return {
        inputs: js(response.getInputs()),
        failures: response.getFailuresList().map((failure) => failure.getReason()),
      };
    },
    async diff(type, id, oldInputs, news) {
      const request = new pb.DiffRequest();
      request.setUrn(urn(type));
      request.setId(id);
      request.setOldInputs(struct(oldInputs));
      request.setNews(struct(news));
      const response = await call<typeof request, InstanceType<typeof pb.DiffResponse>>(
        client.diff.bind(client) as never,
        request,
      );
      return {
        changed: response.getDiffsList(),
        replaces: response.getReplacesList(),
        deleteFirst: response.getDeletebeforereplace(),
      };
    },
    async create(type, inputs, preview = false) {
      const request = new pb.CreateRequest();
      request.setUrn(urn(type));
      request.setProperties(struct(inputs));
      request.setPreview(preview);
      const response = await call<typeof request, InstanceType<typeof pb.CreateResponse>>(
        client.create.bind(client) as never,
        request,
      );
      return { id: response.getId(), outputs: js(response.getProperties()) };
    },
    async update(type, id, olds, oldInputs, inputs, preview = false) {
      const request = new pb.UpdateRequest();
      request.setUrn(urn(type));
      request.setId(id);
      request.setOlds(struct(olds));
      request.setOldInputs(struct(oldInputs));
      request.setNews(struct(inputs));
      request.setPreview(preview);
      const response = await call<typeof request, InstanceType<typeof pb.UpdateResponse>>(
        client.update.bind(client) as never,
        request,
      );
      return js(response.getProperties());
    },
    async read(type, id, inputs) {
      const request = new pb.ReadRequest();
      request.setUrn(urn(type));
      request.setId(id);
      if (inputs) request.setInputs(struct(inputs));
      const response = await call<typeof request, InstanceType<typeof pb.ReadResponse>>(
        client.read.bind(client) as never,
        request,
      );
      return { id: response.getId(), outputs: js(response.getProperties()), inputs: js(response.getInputs()) };
    },
    async delete(type, id) {
      const request = new pb.DeleteRequest();
      request.setUrn(urn(type));
      request.setId(id);
      await call(client.delete.bind(client) as never, request);
    },
    async invoke(token, args) {
      const request = new pb.InvokeRequest();
      request.setTok(token);
      request.setArgs(struct(args));
      const response = await call<typeof request, InstanceType<typeof pb.InvokeResponse>>(
        client.invoke.bind(client) as never,
        request,
      );
      return js(response.getReturn());
    },
  };
}
