/** The rehearsal's client of the control API: staging areas, the site's address, mirrors, names of the servers. */
import type { ControlFault } from "./cloud/faults.ts";
import type { StagingTarget } from "./seed/push.ts";

interface Resource {
  readonly inputs: Record<string, unknown>;
  readonly computed: Record<string, unknown>;
}

/** A client of the control API (`cloud/control.ts`). */
export class ControlApi {
  readonly #base: string;

  /** @param base e.g. `http://127.0.0.1:5400`. */
  constructor(base: string) {
    this.#base = base;
  }

  /** Sets the refusals of the control plane; none: it does everything again. */
  async faults(faults: readonly ControlFault[]): Promise<void> {
    const response = await fetch(`${this.#base}/v1/faults`, { method: "PUT", body: JSON.stringify(faults) });
    if (!response.ok) throw new Error(`PUT /v1/faults: ${response.status} ${await response.text()}`);
  }

  /** The present staging areas, by the program's labels. */
  async stagingAreas(): Promise<StagingTarget[]> {
    const list = async (type: string): Promise<Resource[]> =>
      ((await this.#get(`/v1/resources?type=${type}`)) as Resource[]).filter(
        ({ inputs }) => (inputs["labels"] as Record<string, string> | undefined)?.["purpose"] === "staging",
      );
    const project = ({ inputs }: Resource): string => (inputs["labels"] as Record<string, string>)["budget"]!;
    const repositories = await list("gcp:artifactregistry/repository:Repository");
    const buckets = await list("gcp:storage/bucket:Bucket");
    const names = new Set([...repositories, ...buckets].map(project));
    return [...names].sort().map((name) => {
      const repository = repositories.find((one) => project(one) === name);
      const bucket = buckets.find((one) => project(one) === name);
      return {
        project: name,
        ...(repository && { registryUri: String(repository.computed["registryUri"]) }),
        ...(bucket && { bucket: String(bucket.inputs["name"]) }),
      };
    });
  }

  /** Loopback URL of a host name's load balancer: DNS record -> address -> forwarding rule. */
  async site(host: string): Promise<string> {
    const { port } = (await this.#get(`/v1/resolve?host=${host}&port=443`)) as { port: number };
    return `http://127.0.0.1:${port}`;
  }

  /** The production mirrors, by the program's labels, with the base URLs of their content. */
  async mirrors(): Promise<{
    repositories: { region: string; url: string }[];
    layers: { region: string; url: string }[];
  }> {
    const list = async (type: string, label: "labels" | "tags"): Promise<Resource[]> =>
      ((await this.#get(`/v1/resources?type=${type}`)) as Resource[]).filter(
        ({ inputs }) => (inputs[label] as Record<string, string> | undefined)?.["purpose"] === "production",
      );
    const { s3 } = (await this.#get("/v1/status")) as { s3: string };
    const repositories = await list("gcp:artifactregistry/repository:Repository", "labels");
    const buckets = await list("aws:s3/bucket:Bucket", "tags");
    return {
      repositories: repositories.map(({ inputs, computed }) => {
        const [host, ...path] = String(computed["registryUri"]).split("/");
        return { region: String(inputs["location"]), url: `http://${host}/v2/${path.join("/")}` };
      }),
      layers: buckets.map(({ inputs }) => ({
        region: String(inputs["region"]),
        url: `${s3}/${inputs["bucket"]}/containers/images`,
      })),
    };
  }

  /** The buckets that serve release files, by the program's labels, with their base URLs. */
  async fileMirrors(): Promise<{ region: string; url: string }[]> {
    const { gcs, s3 } = (await this.#get("/v1/status")) as { gcs: string; s3: string };
    const list = async (type: string, label: "labels" | "tags"): Promise<Resource[]> =>
      ((await this.#get(`/v1/resources?type=${type}`)) as Resource[]).filter(
        ({ inputs }) => (inputs[label] as Record<string, string> | undefined)?.["purpose"] === "production",
      );
    const [google, aws] = await Promise.all([
      list("gcp:storage/bucket:Bucket", "labels"),
      list("aws:s3/bucket:Bucket", "tags"),
    ]);
    return [
      ...google.map(({ inputs }) => ({
        region: String(inputs["location"]).toLowerCase(),
        url: `${gcs}/${inputs["name"]}`,
      })),
      ...aws.map(({ inputs }) => ({ region: String(inputs["region"]), url: `${s3}/${inputs["bucket"]}` })),
    ];
  }

  /** All DNS records. */
  async records(): Promise<{ name: string; type: string; content: string }[]> {
    return (await this.#get("/v1/dns")) as { name: string; type: string; content: string }[];
  }

  /** Creates what exists before the program runs, or what people enter by hand: a bucket, a DNS record. Does nothing if it exists. */
  async create(type: string, id: string, inputs: Readonly<Record<string, unknown>>): Promise<void> {
    const body = JSON.stringify({ type, id, inputs, computed: {}, config: {}, adopt: true });
    const answer = await fetch(new URL("/v1/resources", this.#base), { method: "POST", body });
    if (!answer.ok) throw new Error(`the emulated cloud: ${await answer.text()}`);
  }

  /** `127.0.0.1:<port>` -> name of the server that listens there. */
  async names(): Promise<ReadonlyMap<string, string>> {
    const { gcs, s3, registries } = (await this.#get("/v1/status")) as {
      gcs: string;
      s3: string;
      registries: Record<string, number>;
    };
    const balancers = (await this.#get("/v1/load-balancers")) as { https: boolean; port: number }[];
    return new Map([
      ...balancers.map(({ https, port }) => [`127.0.0.1:${port}`, https ? "redirector" : "redirect to https"] as const),
      ...Object.entries(registries).map(([location, port]) => [`127.0.0.1:${port}`, `registry ${location}`] as const),
      [new URL(gcs).host, "GCS"] as const,
      [new URL(s3).host, "S3"] as const,
    ]);
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(new URL(path, this.#base));
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`the emulated cloud: ${(body as { error: string }).error}`);
    return body;
  }
}
