/** Registries that want tokens, whose tokens expire at the worst moment, and whose token server fails. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { type ImagePromotion, imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../components/promotion/run/request.ts";
import { type Choose, type Fault, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { freePort } from "../support/ports.ts";
import { Pusher, pull, type RegistryKind, startRegistry, type TestRegistry, uploadHas } from "../support/registries.ts";
import { withShortPauses } from "../support/short-pauses.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const mebibyte = 1024 * 1024;
const robot = { username: "robot", password: "secret" };

/**
 * A front of a real registry that takes only the newest token it has given for each scope (distribution's token specification).
 * `choose` comes after that: what it does is done to requests that are authorized.
 */
class Guard {
  readonly #proxy: FaultyProxy;
  #given = 0;
  /** The tokens that count, by scope. */
  readonly #tokens = new Map<string, string>();
  #choose: Choose = () => undefined;
  /** What the token server does; undefined: it gives a token. */
  token: () => Fault | undefined = () => undefined;
  /** Where the challenge says that tokens are. */
  realm: string;

  constructor(proxy: FaultyProxy) {
    this.#proxy = proxy;
    this.realm = `http://${proxy.host}/token`;
    proxy.inject((...request) => this.#judge(...request));
  }

  get host(): string {
    return this.#proxy.host;
  }

  /** The tokens that were asked for. */
  get asked(): number {
    return this.#proxy.seen.filter(({ url }) => url.startsWith("/token")).length;
  }

  /** Uploads in pieces that were tried: whether they were let in is seen by what comes after. */
  get patches(): (string | undefined)[] {
    const patches = this.#proxy.seen.filter(({ method }) => method === "PATCH");
    return patches.map(({ headers }) => headers["content-range"]);
  }

  /** No token that was given counts any more. */
  revoke(): void {
    this.#tokens.clear();
  }

  reset(choose: Choose = () => undefined): void {
    this.#choose = choose;
    this.token = () => undefined;
    this.realm = `http://${this.host}/token`;
    this.#proxy.seen.length = 0;
    this.revoke();
  }

  #judge(...[method, url, headers]: Parameters<Choose>): Fault | undefined {
    if (url.startsWith("/token")) {
      const fault = this.token();
      if (fault !== undefined) return fault;
      assert.equal(headers.authorization, `Basic ${Buffer.from("robot:secret").toString("base64")}`);
      const token = `t${++this.#given}`;
      this.#tokens.set(new URL(url, "http://x").searchParams.getAll("scope").join(" "), token);
      const body = JSON.stringify({ token, expires_in: 300 });
      return { kind: "answer", status: 200, body };
    }
    if (![...this.#tokens.values()].some((token) => headers.authorization === `Bearer ${token}`)) {
      const challenge = `Bearer realm="${this.realm}",service="registry",scope="x",error="invalid_token"`;
      return { kind: "answer", status: 401, headers: { "www-authenticate": challenge } };
    }
    return this.#choose(method, url, headers);
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }
}

for (const kind of ["olareg", "distribution"] satisfies RegistryKind[])
  describe(`${kind} behind tokens`, () => {
    withShortPauses();
    let registries: TestRegistry[];
    let guard: Guard;
    let promotion: ImagePromotion;
    let project = 0;
    before(async () => {
      registries = await Promise.all([startRegistry(kind), startRegistry(kind)]);
      guard = new Guard(await startFaultyProxy(registries[1]!.host));
    });
    after(async () => {
      await promotion.close();
      await guard.close();
      await Promise.all(registries.map((registry) => registry.remove()));
    });

    async function promote(layers: readonly number[], choose?: Choose) {
      await promotion?.close();
      promotion = imagePromotion({ credentials: async (host) => (host === guard.host ? robot : undefined) });
      guard.reset(choose);
      const name = `p${project++}`;
      const { digest } = await new Pusher(registries[0]!.host, `staging/${name}/app`).image({
        layers: layers.map((bytes) => randomBytes(bytes)),
      });
      const request: ImagesRequest = {
        project: name,
        images: `app:v1 ${digest}\n`,
        prefix: name,
        staging: `${registries[0]!.host}/staging/${name}`,
        mirrors: [{ name: "guarded", repository: `${guard.host}/images` }],
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        storage: {},
      };
      return { run: () => promotion.promote(request, undefined, context), image: `images/${name}/app` };
    }

    /** The promotion succeeds, and what is then there is whole. */
    async function succeeds({ run, image }: Awaited<ReturnType<typeof promote>>): Promise<void> {
      const { failures, incomplete } = await run();
      assert.deepEqual(failures, []);
      assert.deepEqual(incomplete, {});
      await pull(`${registries[1]!.host}/${image}:v1`);
    }

    it("all requests share one token, and request another when it expires", async () => {
      let requests = 0;
      await succeeds(
        await promote(Array(30).fill(1_000), () => {
          if (++requests === 40) guard.revoke();
          return undefined;
        }),
      );
      // A right to read, a right to write; each once more.
      assert.ok(guard.asked <= 4, `${guard.asked} tokens`);
    });

    it("a token that expires during a layer transfer loses no bytes", async () => {
      let writing = false;
      await succeeds(
        await promote([16 * mebibyte], (method) => {
          if (method === "PATCH" && !writing) {
            writing = true;
            guard.revoke(); // this request was let in; the next is not
          }
          return undefined;
        }),
      );
      assert.deepEqual(guard.patches, [undefined]);
    });

    it("an upload that breaks as its token expires is resumed", async () => {
      let writing = false;
      await succeeds(
        await promote([16 * mebibyte], (method) => {
          if (method !== "PATCH" || writing) return undefined;
          writing = true;
          guard.revoke();
          return {
            kind: "cut-request",
            after: 10 * mebibyte,
            settled: uploadHas(registries[1]!.host, 10 * mebibyte),
          };
        }),
      );
      assert.deepEqual(guard.patches, [undefined, `${10 * mebibyte}-${16 * mebibyte - 1}`]);
    });

    it("a layer rejected for an expired token is sent again", async () => {
      let begun = false;
      await succeeds(
        await promote([6 * mebibyte], (method, url) => {
          if (!begun && method === "POST" && url.endsWith("/uploads/")) {
            begun = true;
            queueMicrotask(() => guard.revoke());
          }
          return undefined;
        }),
      );
    });

    it("an overloaded token server is retried after Retry-After, not before", async () => {
      const faults: (Fault | undefined)[] = [
        { kind: "answer", status: 503 },
        { kind: "answer", status: 429, headers: { "retry-after": "1" } },
        { kind: "cut-request", after: 0 },
      ];
      const promoted = await promote([1_000]);
      guard.token = () => faults.shift();
      await succeeds(promoted);
    });

    it("an unreachable token server: the mirror is given up, with one error and its cause", async () => {
      const promoted = await promote([1_000, 2_000]);
      const nobody = `127.0.0.1:${await freePort()}`;
      guard.realm = `http://${nobody}/token`;
      const { failures } = await promoted.run();
      assert.equal(failures.length, 1, failures.join("\n"));
      assert.match(
        failures[0]!,
        new RegExp(`mirror guarded: given up with 1 step to go: ${nobody} is unreachable: .*ECONNREFUSED`),
      );
    });
  });
