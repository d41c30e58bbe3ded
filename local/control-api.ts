/** What the rehearsal asks the emulated cloud: where its projects stage, where its site answers, and how to call the servers. */
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

  /** The staging areas that exist, as the program labels them. */
  async stagingAreas(): Promise<StagingTarget[]> {
    const list = async (type: string): Promise<Resource[]> =>
      ((await this.#get(`/v1/resources?type=${type}`)) as Resource[]).filter(
        ({ inputs }) => (inputs["labels"] as Record<string, string> | undefined)?.["purpose"] === "staging",
      );
    const project = ({ inputs }: Resource): string => (inputs["labels"] as Record<string, string>)["project"]!;
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

  /** Where a host name's load balancer listens on this machine: DNS record -> address -> forwarding rule. */
  async site(host: string): Promise<string> {
    const { port } = (await this.#get(`/v1/resolve?host=${host}&port=443`)) as { port: number };
    return `http://127.0.0.1:${port}`;
  }

  /** `127.0.0.1:<port>` -> what is there. */
  async names(): Promise<ReadonlyMap<string, string>> {
    const { gcs, s3, registries } = (await this.#get("/v1/status")) as {
      gcs: string;
      s3: string;
      registries: Record<string, number>;
    };
    const balancers = (await this.#get("/v1/load-balancers")) as { name: string; port: number }[];
    return new Map([
      ...balancers.map(({ port }) => [`127.0.0.1:${port}`, "redirector"] as const),
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
