/** What a repair deletes, and that it deletes nothing that it is not sure of. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { certainRemains } from "../../../../components/promotion/images/kept-manifests.ts";
import { removeStrays } from "../../../../components/promotion/images/stray-attachments.ts";
import { type Digest, digestOf } from "../../../../components/promotion/oci/digest.ts";
import { RegistryError } from "../../../../components/promotion/oci/errors.ts";
import { ociIndex, ociManifest } from "../../../../components/promotion/oci/manifest.ts";
import type { Remote } from "../../../../components/promotion/oci/remote.ts";
import type { Call, Response } from "../../../../components/promotion/oci/transport.ts";

const digest = (text: string) => digestOf(Buffer.from(text));

describe("a repair", () => {
  const [subject, stray] = [digest("subject"), digest("stray")];
  const tag = `${subject.replace(":", "-")}.sig`;
  const cases: [string, Digest, boolean, readonly string[]][] = [
    [
      "deletes what nobody promoted before the tag that leads to it, as it may be killed in between",
      stray,
      false,
      [stray, tag],
    ],
    ["takes the tag alone from what stays", stray, true, [tag]],
    ["leaves a tag that is on something else by now", digest("promoted"), false, [stray]],
  ];
  for (const [what, tagged, isKept, expected] of cases)
    it(what, async () => {
      const deleted: string[] = [];
      const at = remote(({ method, url }) => {
        const reference = String(url).split("/").at(-1)!;
        if (method === "DELETE") deleted.push(reference);
        const headers = {
          "content-type": ociManifest,
          "docker-content-digest": reference === tag ? tagged : reference,
        };
        return { status: method === "DELETE" ? 202 : 200, headers };
      });
      await removeStrays(at, [{ subject, tag, digest: stray }], () => isKept);
      assert.deepEqual(deleted, expected);
    });

  it("deletes nothing while a promoted index cannot be read, which may list it", async () => {
    const child = { mediaType: ociIndex, digest: digest("child"), size: 1 };
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [child] }));
    const root = digestOf(index);
    const answering = (status: number) =>
      remote(({ url, what }) => {
        if (String(url).endsWith(root)) return { status: 200, headers: { "content-type": ociIndex }, body: index };
        if (status === 404) return { status };
        throw new RegistryError("registry.example.org", what, status, "", "");
      });
    await assert.rejects(certainRemains([answering(500)], root), /cannot read the manifests of sha256:/);
    assert.deepEqual([...(await certainRemains([answering(404)], root))].sort(), [root, child.digest].sort());
  });
});

function remote(respond: (call: Call) => Partial<Response> & Pick<Response, "status">): Remote {
  return {
    repository: { host: "registry.example.org", origin: "https://registry.example.org", name: "app" },
    signal: new AbortController().signal,
    transport: {
      call: async (call) => ({ url: String(call.url), headers: {}, body: Buffer.alloc(0), ...respond(call) }),
      stream: () => assert.fail("nothing is streamed"),
    },
  };
}
