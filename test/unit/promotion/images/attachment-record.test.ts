import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { JudgedAttachments } from "../../../../components/promotion/images/admitted-attachments.ts";
import { AttachmentRecord } from "../../../../components/promotion/images/attachment-record.ts";
import { readImageLines } from "../../../../components/promotion/images/lines.ts";
import { againstRecord } from "../../../../components/promotion/images/stray-attachments.ts";
import { digestOf } from "../../../../components/promotion/oci/digest.ts";
import { packLines } from "../../../../components/promotion/provider/packed-lines.ts";

const digest = (text: string) => digestOf(Buffer.from(text));
const [image, other] = [digest("image"), digest("other")];
const wanted = readImageLines(`app:v1 ${image}\napp@${other}\ntool@${image}\n`);

describe("the record of attachments", () => {
  it("survives being written, one line a digest, and keeps only what is wanted", () => {
    const record = new AttachmentRecord(undefined);
    record.set("app", image, [
      { digest: digest("s"), kind: "signature" },
      { digest: digest("b"), kind: "SBOM" },
    ]);
    record.set("app", other, []);
    record.set("tool", image, [{ digest: digest("u"), kind: "attachment" }], false);
    record.set("gone", image, []);
    const text = record.write(wanted);
    assert.equal(text.split("\n").length, 4);
    const again = new AttachmentRecord(text);
    assert.equal(again.write(wanted), text);
    assert.deepEqual(again.of("app", other), { isWhole: true, attachments: [] });
    assert.equal(again.of("tool", image)?.isWhole, false);
    assert.equal(again.of("gone", image), undefined);
    assert.equal(again.of("tool", other), undefined);
    const cases: [string, string, string, boolean][] = [
      ["app", image, "s", true],
      ["app", image, "u", false],
      ["tool", image, "u", true],
      ["tool", image, "s", false],
      ["app", other, "s", false],
    ];
    for (const [name, of, what, has] of cases) assert.equal(again.has(name, of, digest(what)), has, `${name} ${what}`);
    assert.equal(again.hasAnywhere("app", digest("b")), true);
    assert.equal(again.hasAnywhere("ap", digest("b")), false);
  });

  it("refuses a line that it cannot read", () => {
    for (const text of ["app@0123456789abcdef s0123\n", `app@0123456789abcdef x${"0".repeat(24)}\n`])
      assert.throws(() => new AttachmentRecord(text), /cannot be read/);
  });

  it("takes less than 20 bytes of the state for each attachment, and as much for each digest", () => {
    const record = new AttachmentRecord(undefined);
    const lines: string[] = [];
    for (let index = 0; index < 1000; index++) {
      const root = digest(`image ${index}`);
      lines.push(`app@${root}\n`);
      const attached = ["s", "a", "b"].map((what) => ({ digest: digest(`${what} ${index}`), kind: "SBOM" as const }));
      record.set("app", root, attached);
    }
    const { length } = packLines(record.write(readImageLines(lines.join(""))));
    assert.ok(length < 1000 * 4 * 20, `${length}`);
  });
});

describe("attachments against the record", () => {
  const at = (what: string, more: object = {}) => ({ subject: image, digest: digest(what), ...more });
  const manifestOf = (what: string, predicate?: string) => ({
    digest: digest(what),
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    bytes: Buffer.from("{}"),
    children: [],
    blobs: [],
    foreign: [],
    ...(predicate !== undefined && { annotations: { "dev.sigstore.bundle.predicateType": predicate } }),
  });
  const admit = (what: string, predicate?: string) => ({
    ...at(what),
    kind: "signature" as const,
    manifest: manifestOf(what, predicate),
  });
  const compare = (
    recorded: readonly string[] | undefined,
    mirrors: readonly string[],
    staged: readonly string[] | undefined,
    judged: JudgedAttachments,
    isWhole = true,
  ) => {
    const record = new AttachmentRecord(undefined);
    if (recorded)
      record.set(
        "app",
        image,
        recorded.map((what) => ({ digest: digest(what), kind: "signature" })),
        isWhole,
      );
    const [here, offered] = [mirrors, staged].map((all) => all?.map((what) => at(what)));
    const names = new Map(["a", "b", "c"].map((what) => [digest(what), what]));
    const found = againstRecord(record, { image: "app", digest: image }, judged, here!, offered);
    const named = (all: readonly { digest: string }[]) => all.map((each) => names.get(each.digest)).join("");
    const lost = found.lost.map(({ prefix }) => [...names].find(([name]) => name.includes(prefix))?.[1]).join("");
    const undecided = named(found.undecided);
    return [
      named(found.admitted),
      named(found.tolerated),
      named(found.strays),
      lost,
      ...(undecided ? [undecided] : []),
    ];
  };
  const none: JudgedAttachments = { admitted: [], refused: [] };
  const refuse = (what: string, more: object = {}) => ({ ...at(what), refusal: "no", ...more });
  const summary = "https://slsa.dev/verification_summary/v1";

  const cases: [string, ReturnType<typeof compare>, ReturnType<typeof compare>][] = [
    [
      "nothing is known: all stays",
      compare(undefined, ["a"], [], { ...none, admitted: [admit("a")] }),
      ["a", "", "", ""],
    ],
    ["recorded and there", compare(["a"], ["a"], [], { ...none, admitted: [admit("a")] }), ["a", "", "", ""]],
    [
      "recorded, and only staging has it: it comes back",
      compare(["a"], [], ["a"], { ...none, admitted: [admit("a")] }),
      ["a", "", "", ""],
    ],
    ["recorded, and nowhere", compare(["a", "b"], ["a"], [], { ...none, admitted: [admit("a")] }), ["a", "", "", "b"]],
    [
      "in a mirror, not recorded",
      compare(["a"], ["a", "b"], [], { ...none, admitted: [admit("a"), admit("b")] }),
      ["a", "", "b", ""],
    ],
    [
      "in a mirror, not recorded, and staging cannot be read",
      compare(["a"], ["a", "b"], undefined, { ...none, admitted: [admit("a"), admit("b")] }),
      ["a", "", "", "", "b"],
    ],
    [
      "refused, in a mirror and not recorded, and staging cannot be read",
      compare([], ["b"], undefined, { ...none, refused: [refuse("b")] }),
      ["", "", "", "", "b"],
    ],
    [
      "in a mirror and staging, not recorded: it was signed later",
      compare([], ["b"], ["b"], { ...none, admitted: [admit("b")] }),
      ["b", "", "", ""],
    ],
    [
      "in place of what is recorded",
      compare(["a"], ["b"], [], { ...none, admitted: [admit("b")] }),
      ["", "", "b", "a"],
    ],
    [
      "a proof that `artifacts attest` made",
      compare([], ["b"], [], { ...none, admitted: [admit("b", summary)] }),
      ["b", "", "", ""],
    ],
    [
      "not recorded, where the record is not whole",
      compare(["a"], ["a", "b"], [], { ...none, admitted: [admit("a"), admit("b")] }, false),
      ["ab", "", "", ""],
    ],
    [
      "refused, in a mirror and not recorded",
      compare([], ["b"], [], { ...none, refused: [refuse("b")] }),
      ["", "", "b", ""],
    ],
    ["refused, in staging alone", compare([], [], ["b"], { ...none, refused: [refuse("b")] }), ["", "", "", ""]],
    [
      "refused, in a mirror and in staging",
      compare([], ["b"], ["b"], { ...none, refused: [refuse("b")] }),
      ["", "", "b", ""],
    ],
    [
      "refused by rules that are new, and recorded",
      compare(["b"], ["b"], [], { ...none, refused: [refuse("b")] }),
      ["", "b", "", ""],
    ],
    [
      "only a list has it",
      compare(["b"], ["b"], ["b"], { ...none, refused: [refuse("b", { isAbsent: true })] }),
      ["", "", "", "b"],
    ],
  ];
  for (const [name, found, expected] of cases) it(name, () => assert.deepEqual(found, expected));
});
