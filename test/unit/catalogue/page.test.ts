import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { it } from "mocha";
import type * as written from "../../../components/catalogue/formats.ts";
import { addressOf, fileAddress, readViewAddress, type View } from "../../../redirector/catalogue/page/address.ts";
import { fileCommand, imageCommands, shellWord } from "../../../redirector/catalogue/page/commands.ts";
import type * as read from "../../../redirector/catalogue/page/documents.ts";
import { findRelease } from "../../../redirector/catalogue/page/find-release.ts";
import { digestAsked, PlatformLines } from "../../../redirector/catalogue/page/platforms.ts";
import { proofCommands } from "../../../redirector/catalogue/page/proof-commands.ts";
import { findNames, Listing, readQuery } from "../../../redirector/catalogue/page/search.ts";
import {
  formatDay,
  formatQuantity,
  formatSize,
  formatSizeRange,
  shortDigest,
} from "../../../redirector/catalogue/page/text.ts";
import { isByVerified } from "../../../redirector/catalogue/page/verified-signature.ts";
import { projected } from "../../../redirector/catalogue/page/views/map.ts";
import { afterTest } from "../../support/cleanup.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const host = "artifacts.example.org";

it("the page's types match the written documents", () => {
  const contract: {
    index: (value: written.CatalogueIndex) => read.CatalogueIndex;
    project: (value: written.ProjectDocument) => read.ProjectDocument;
    image: (value: written.ImageDetails) => read.ImageDetails;
    release: (value: written.ReleaseDetails) => read.ReleaseDetails;
    releases: (value: Pick<written.ProjectDocument, "releases">) => read.ReleasePart;
    recent: (value: written.RecentDocument) => read.RecentDocument;
  } = {
    index: (value) => value,
    project: (value) => value,
    image: (value) => value,
    release: (value) => value,
    releases: (value) => value,
    recent: (value) => value,
  };
  assert.equal(Object.keys(contract).length, 6);
});

for (const [address, view] of [
  ["/", { kind: "home", query: "" }],
  ["/?q=a+b%3Ac", { kind: "home", query: "a b:c" }],
  ["/status", { kind: "status" }],
  ["/projects/semver", { kind: "project", project: "semver" }],
  ["/projects/kops/files/", { kind: "files", project: "kops", path: "" }],
  ["/projects/kops/files/1.32.0", { kind: "files", project: "kops", path: "1.32.0" }],
  ["/projects/kops/files/1.32.0/a%2Bb/c@d", { kind: "files", project: "kops", path: "1.32.0/a+b/c@d" }],
  ["/images/pause", { kind: "image", repository: "pause", reference: undefined }],
  ["/images/a/b/c:v1.0-x_y", { kind: "image", repository: "a/b/c", reference: "v1.0-x_y" }],
  [`/images/a/b@${digest("a")}`, { kind: "image", repository: "a/b", reference: digest("a") }],
] as const satisfies readonly (readonly [string, View])[]) {
  it(`${address} round-trips`, () => {
    const { pathname, search } = new URL(address, "https://x");
    assert.deepEqual(readViewAddress(pathname, search), view);
    const back = new URL(addressOf(view), "https://x");
    assert.deepEqual(readViewAddress(back.pathname, back.search), view);
    assert.equal(addressOf(view), address);
  });
}

it("URLs that are no view", () => {
  for (const path of [
    "/nothing",
    "/projects/",
    "/images/",
    "/images/a:b:c",
    "/images/a@sha256:12",
    "/images/a:",
    "/%zz",
    "/projects/a/b",
  ])
    assert.equal(readViewAddress(path, "").kind, "unknown", path);
});

it("every file path round-trips through its URL", () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9._+~@=,-]{1,12}$/).filter((text) => !/^\.{1,2}$/.test(text));
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
      const path = segments.join("/");
      const view = { kind: "files", project: "p", path } as const;
      const { pathname, search } = new URL(addressOf(view), "https://x");
      assert.deepEqual(readViewAddress(pathname, search), view);
      assert.equal(decodeURIComponent(new URL(fileAddress(path), "https://x").pathname), `/${path}`);
      assert.ok(!fileAddress(path).includes("+"), "S3 reads it as a space");
    }),
  );
});

for (const [typed, words] of [
  ["", []],
  ["  Semver   V7 ", ["semver", "v7"]],
  ["semver/semver:v7.8.6", ["semver/semver", "v7.8.6"]],
  [`semver@${digest("a")}`, ["semver", digest("a")]],
  [`${host}/semver/semver:v7.8.6@${digest("a")}`, ["semver/semver", "v7.8.6", digest("a")]],
  ["sha256:0a1b", ["sha256:0a1b"]],
  [`semver:${digest("a").replace(":", "-")}.sig`, ["semver", digest("a")]],
  [digest("a").replace(":", "-"), [digest("a")]],
  [`docker pull ${host}/semver/semver:v7`, ["semver/semver", "v7"]],
  [`https://${host}/images/semver/semver:v7`, ["semver/semver", "v7"]],
  [`https://${host}/v2/semver/semver/manifests/v7`, ["semver/semver", "v7"]],
  ["other.example:5000/a/b:v1", ["other.example:5000/a/b", "v1"]],
] as const) {
  it(`"${typed}" asks for ${words.join(" ")}`, () => assert.deepEqual(readQuery(typed, host).words, words));
}

const index: read.CatalogueIndex = {
  projects: [
    {
      name: "ingress",
      description: "Routes what semver cannot",
      document: "",
      images: ["ingress/controller", "ingress/semver-tool"].map((repository) => ({ repository, digests: 1 })),
    },
    {
      name: "semver",
      description: "",
      document: "",
      images: [{ repository: "semver/semver", digests: 2, latest: "v7" }],
    },
  ],
};

it("names: exact matches first, then prefixes, then others, descriptions last", () => {
  const found = findNames(index, readQuery("semver", host));
  assert.deepEqual(
    found.images.map(({ repository }) => repository),
    ["semver/semver", "ingress/semver-tool"],
  );
  assert.deepEqual(
    found.projects.map(({ name }) => name),
    ["semver", "ingress"],
  );
  assert.deepEqual(
    findNames(index, readQuery("ingress tool", host)).images.map(({ repository }) => repository),
    ["ingress/semver-tool"],
  );
  assert.deepEqual(findNames(index, readQuery("nothing", host)), { projects: [], images: [] });
});

const lines = [
  ["image", "a", "a/tool", digest("1"), "v1.0.1", "v1.0.1-abc"],
  ["image", "a", "a/tool", digest("2"), "v1.0.10"],
  ["image", "b", "b/image", digest("3"), "Stable", "v1.0.1"],
  ["image", "b", "b/image", digest("4")],
  ["file", "c", "binaries/c/v1.0.1/Tool", `sha256:${"5".repeat(64)}`],
];
const listing = new Listing(lines.map((fields) => `${fields.join("\t")}\n`).join(""));
const found = (typed: string, most = 10) =>
  listing
    .find(readQuery(typed, host), most)
    .lines.map((line) => (line.kind === "file" ? line.path : `${line.repository}:${line.tag}`));

it("the listing: exact tags first, then prefixes, then all others", () => {
  assert.deepEqual(found("v1.0.1"), ["a/tool:v1.0.1", "b/image:v1.0.1", "a/tool:v1.0.10", "binaries/c/v1.0.1/Tool"]);
  assert.deepEqual(found("b/image:v1.0.1"), ["b/image:v1.0.1"]);
  assert.deepEqual(found("stable"), ["b/image:Stable"]);
  assert.deepEqual(found("tool v1.0.1"), ["a/tool:v1.0.1", "a/tool:v1.0.10", "binaries/c/v1.0.1/Tool"]);
  assert.deepEqual(found("nothing"), []);
  assert.deepEqual(found(""), []);
});

it("finds an image by its digest or the start of it, with and without the algorithm; a file by its checksum", () => {
  for (const asked of [digest("4"), digest("4").slice(0, 15), "4".repeat(64), "44444444"])
    assert.deepEqual(found(asked), ["b/image:undefined"], asked);
  assert.deepEqual(found("5".repeat(10)), ["binaries/c/v1.0.1/Tool"]);
  assert.deepEqual(found(`${digest("4")}0`), []);
});

for (const [typed, digits, surely] of [
  ["sha256:0a1b2c", "0a1b2c", true],
  ["sha256:0a1b2", undefined, false],
  ["0a1b2c", "0a1b2c", false],
  ["facade", "facade", false],
  ["20230615", "20230615", false],
  ["0a1b2c3d4e5f", "0a1b2c3d4e5f", true],
  [`docker pull ${host}/a/b@${digest("4")}`, "4".repeat(64), true],
  [`facade ${digest("4").replace(":", "-")}.sig`, "4".repeat(64), true],
  [`${digest("4")}0`, undefined, false],
  ["v1.2.3 semver", undefined, false],
] as const) {
  it(`"${typed}" asks for ${digits === undefined ? "no digest" : surely ? "a digest" : "words that look like a digest"}`, () =>
    assert.deepEqual(digestAsked(readQuery(typed, host)), digits === undefined ? undefined : { digits, surely }));
}

it("finds a platform's digest by its first digits: in the last fields only, once per version, up to the limit", () => {
  const [abc, abd, fed] = ["abc".padEnd(16, "0"), "abd".padEnd(16, "0"), "fed".padEnd(16, "0")];
  const all = new PlatformLines(
    [
      ["platforms", "abc", "abc/tool", abd, abc, fed],
      ["platforms", "b", "b/tool", abc, "1".repeat(16)],
      ["platforms", "b", "b/tool", fed, abc, abc.replace("abc0", "abc1")],
    ]
      .map((fields) => `${fields.join("\t")}\n`)
      .join(""),
  );
  const versions = (digits: string, most = 10) => all.find(digits, most).map(({ version }) => version);
  assert.deepEqual(all.find("abc", 1), [{ project: "abc", repository: "abc/tool", version: abd }]);
  assert.deepEqual(versions("abc"), [abd, fed]);
  assert.deepEqual(versions(abc), [abd, fed]);
  assert.deepEqual(versions(abc.padEnd(64, "7")), [abd, fed], "the details tell the rest of a digest");
  assert.deepEqual(versions("abc1"), [fed]);
  assert.deepEqual(versions("abd"), []);
  assert.deepEqual(versions("bc0"), []);
  assert.deepEqual(new PlatformLines("").find("abc", 1), []);
});

it("does not search the first field, which all lines have", () => {
  assert.deepEqual(found("image"), ["b/image:Stable", "b/image:undefined"]);
  assert.deepEqual(found("file"), []);
});

it("returns up to the limit, and whether there is more", () => {
  assert.deepEqual(listing.find(readQuery("a", host), 2).lines.length, 2);
  assert.equal(listing.find(readQuery("v1.0.1", host), 3).more, true);
  assert.equal(listing.find(readQuery("v1.0.1", host), 4).more, false);
});

it("ranks the line with an exact tag first among thousands of matches", () => {
  const many = Array.from({ length: 5000 }, (_, at) => `image\tp\tp/tool-${at}\t${digest("0")}\tv1.0.${at}`);
  many.push(`image\tp\tp/wanted\t${digest("9")}\tv1`);
  const large = new Listing(`${many.join("\n")}\n`);
  const hits = large.find({ words: ["v1"] }, 3);
  assert.deepEqual(
    hits.lines.map((line) => line.kind === "image" && line.tag),
    ["v1", "v1.0.0", "v1.0.1"],
  );
  assert.equal(hits.more, true);
  assert.equal(large.find({ words: ["v1"] }, 5001).lines.length, 5001);
  assert.equal(large.find({ words: ["v1"] }, 5001).more, false);
  assert.deepEqual(large.find({ words: ["wanted", "v1"] }, 3).lines.length, 1);
});

it("searching the whole text finds the same as searching line by line", () => {
  const word = fc.constantFrom("v1", "v1.0.1", "tool", "a", "b/image", "sha256:2", "4444", "abc", "binaries", "\u00e4");
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), (words) => {
      const expected = lines.filter((fields) => {
        const text = `\t${fields.slice(1).join("\t")}`.toLowerCase();
        return words.every((one) => text.includes(one));
      });
      assert.equal(listing.find({ words }, 100).lines.length, expected.length);
    }),
  );
});

const version: read.ImageVersion = {
  digest: digest("a"),
  tags: ["v1", "latest"],
  mediaType: "",
  platforms: [],
  signatures: [],
  attestations: [],
  sboms: [],
};
const commandsOf = (changes: Partial<read.ImageVersion>) =>
  imageCommands(host, "a/b", { ...version, ...changes }).map(({ line }) => line);

it("commands: pull by tag, pull by digest, digest of the tag", () => {
  assert.deepEqual(commandsOf({}), [
    `docker pull ${host}/a/b:v1`,
    `docker pull ${host}/a/b@${digest("a")}`,
    `crane pull ${host}/a/b@${digest("a")} image.tar`,
    `crane digest ${host}/a/b:v1`,
  ]);
  assert.deepEqual(commandsOf({ tags: [] }), [
    `docker pull ${host}/a/b@${digest("a")}`,
    `crane pull ${host}/a/b@${digest("a")} image.tar`,
  ]);
});

const subject = `${host}/a/b@${digest("a")}`;
const [identity, issuer] = ["https://x.example/it's", "https://y.example"];
for (const [how, signature, line] of [
  ["by a key", { format: "cosign" }, `cosign verify --key cosign.pub ${subject}`],
  ["by a key, logged", { format: "cosign", logged: true }, `cosign verify --key cosign.pub ${subject}`],
  [
    "by a key, in no log",
    { format: "cosign", logged: false },
    `cosign verify --key cosign.pub --insecure-ignore-tlog=true ${subject}`,
  ],
  [
    "as a referrer in the old format",
    { format: "cosign", attached: "referrer" },
    `cosign verify --key cosign.pub --experimental-oci11=true ${subject}`,
  ],
  [
    "by an identity",
    { format: "sigstore", logged: true, identity, issuer },
    `cosign verify --certificate-identity='https://x.example/it'\\''s' --certificate-oidc-issuer=https://y.example ${subject}`,
  ],
  [
    "by an identity, in no log: it can't be verified",
    { format: "sigstore", logged: false, identity, issuer },
    undefined,
  ],
  ["by a certificate of another authority", { format: "cosign", identity }, undefined],
  ["with notation, a platform", { format: "notation", of: digest("b") }, `notation verify ${host}/a/b@${digest("b")}`],
] as const) {
  it(`commands: verify what is signed ${how}`, () => {
    const verify = /^(?:cosign|notation) verify/;
    assert.equal(
      commandsOf({ signatures: [signature] }).find((one) => verify.test(one)),
      line,
    );
  });
}

it("commands: of several signatures the one is verified that the policy trusts, and only that is said to be", () => {
  const signed = (name: string) => ({ format: "sigstore", logged: true, identity: `https://${name}.example`, issuer });
  const signatures = [signed("any"), signed("trusted")];
  const found = (isSatisfied: boolean) => {
    const verification = { policy: "", isSatisfied, signers: ["https://trusted.example"] };
    return imageCommands(host, "a/b", { ...version, signatures, verification }).find(
      ({ label }) => label === "cosign",
    )!;
  };
  assert.match(found(true).line, /--certificate-identity=https:\/\/trusted\.example /);
  assert.match(found(true).note!, /^The project's trust policy names this signer/);
  assert.match(found(false).line, /--certificate-identity=https:\/\/any\.example /);
  assert.match(found(false).note!, /^Check that this is the signer you expect/);
});

it("commands: a key that the policy trusts is the signer that was verified, a signature of another authority or by notation never is", () => {
  const verification = { policy: "", isSatisfied: true, signers: ["a trusted key"] };
  const cases: [read.SignatureSummary, boolean][] = [
    [{ format: "cosign" }, true],
    [{ format: "sigstore", logged: false }, true],
    [{ format: "sigstore", identity: "https://any.example", issuer }, false],
    [{ format: "cosign", issuer }, false],
    [{ format: "notation" }, false],
  ];
  for (const [signature, expected] of cases) {
    assert.equal(isByVerified(signature, verification), expected, JSON.stringify(signature));
    assert.equal(isByVerified(signature, { ...verification, isSatisfied: false }), false);
    assert.equal(isByVerified(signature, undefined), false);
  }
  const signatures = [
    { format: "sigstore", logged: true, identity: "https://any.example", issuer },
    { format: "cosign" },
  ];
  const [found] = imageCommands(host, "a/b", { ...version, signatures, verification }).filter(
    ({ label }) => label === "cosign",
  );
  assert.match(found!.line, /--key cosign\.pub/);
  assert.match(found!.note!, /^The project's trust policy names a key/);
});

const [summaryType, provenanceType] = [
  "https://slsa.dev/verification_summary/v1",
  "https://slsa.dev/provenance/v1",
] as const;
const github = "https://token.actions.githubusercontent.com";
const proof = { verifier: "https://github.com/example/artifacts", host, logged: true, privateRoots: false };
const deploy = "https://github.com/example/artifacts/.github/workflows/deploy.yml@refs/heads/main";
const attestation = `cosign verify-attestation --type ${summaryType}`;
const vsa = { attached: "referrer" as const, predicateType: summaryType };
const source = "https://github.com/example/tool";
const built = {
  attached: "referrer" as const,
  predicateType: provenanceType,
  identity: `${source}/.github/workflows/release.yml@refs/tags/v1`,
  issuer: github,
  source,
};
const gh = `gh attestation verify oci://${subject} --bundle-from-oci`;
for (const [what, attestations, by, lines] of [
  ["no summary", [], { ...proof, key: "pem" }, []],
  ["a summary, and nobody who signs", [vsa], undefined, []],
  ["a summary of one platform", [{ ...vsa, of: digest("b") }], { ...proof, key: "pem" }, []],
  ["a summary in the index", [{ ...vsa, attached: "index" as const }], { ...proof, key: "pem" }, []],
  [
    "by a key, without provenance: slsa-verifier knows no such level",
    [{ ...vsa, levels: ["SLSA_BUILD_LEVEL_UNEVALUATED"] }],
    { ...proof, key: "pem", logged: false },
    [
      `curl -fsS https://${host}/catalog/projects/tool.json | jq -er .proof.key > promotions.pub`,
      `${attestation} --key promotions.pub --insecure-ignore-tlog=true ${subject}`,
    ],
  ],
  [
    "by a key, at a level",
    [{ ...vsa, levels: ["SLSA_BUILD_LEVEL_2"] }],
    { ...proof, key: "pem", logged: false },
    [
      `curl -fsS https://${host}/catalog/projects/tool.json | jq -er .proof.key > promotions.pub`,
      `${attestation} --key promotions.pub --insecure-ignore-tlog=true ${subject}`,
      `regctl artifact get --subject ${subject} --filter-artifact-type application/vnd.dev.sigstore.bundle.v0.3+json --filter-annotation dev.sigstore.bundle.predicateType=${summaryType} | jq .dsseEnvelope > vsa.intoto.jsonl`,
      `slsa-verifier verify-vsa --subject-digest ${digest("a")} --attestation-path vsa.intoto.jsonl --verifier-id https://github.com/example/artifacts --resource-uri oci://${host}/a/b --verified-level SLSA_BUILD_LEVEL_2 --public-key-path promotions.pub`,
    ],
  ],
  [
    "keyless",
    [vsa],
    { ...proof, identity: deploy, issuer: github },
    [
      `${attestation} --certificate-identity=${deploy} --certificate-oidc-issuer=${github} ${subject}`,
      `${gh} --repo example/artifacts --predicate-type ${summaryType}`,
    ],
  ],
  [
    "keyless, by a pattern, of a private Sigstore without a log",
    [vsa],
    { ...proof, identity: "https://x.example/a.b/*", issuer, logged: false, privateRoots: true },
    [
      `${attestation} --certificate-identity-regexp='^https://x\\.example/a\\.b/.*$' --certificate-oidc-issuer=${issuer} --insecure-ignore-tlog=true --use-signed-timestamps --trusted-root trusted_root.json ${subject}`,
    ],
  ],
  ["GitHub's provenance", [built], undefined, [`${gh} --repo example/tool`]],
  [
    "GitHub's provenance by a workflow of another repository",
    [{ ...built, identity: "https://github.com/example/builders/.github/workflows/go.yml@refs/tags/v2" }],
    undefined,
    [`${gh} --repo example/tool --signer-repo example/builders`],
  ],
  ["provenance of another issuer", [{ ...built, issuer }], undefined, []],
  ["provenance that names no repository of GitHub", [{ ...built, source: "https://x.example/$(id)" }], undefined, []],
] as const satisfies readonly (readonly [
  string,
  readonly read.AttestationSummary[],
  read.ProofSigner | undefined,
  readonly string[],
])[]) {
  it(`commands that verify attestations: ${what}`, () => {
    const published = { host, project: "tool", repository: "a/b" };
    const found = proofCommands(published, { ...version, attestations }, by);
    assert.deepEqual(
      found.map(({ line }) => line),
      lines,
    );
  });
}

it("commands: attachments are shown by a tool that finds them, for the digest that has them", () => {
  const attached = (changes: Partial<read.ImageVersion>) => commandsOf(changes).slice(4);
  assert.deepEqual(attached({ sboms: [{ attached: "referrer", of: digest("b"), format: "x" }] }), [
    `oras discover ${host}/a/b@${digest("b")}`,
  ]);
  assert.deepEqual(attached({ attestations: [{ attached: "tag" }], sboms: [{ attached: "tag", format: "x" }] }), [
    `cosign download attestation ${subject}`,
    `cosign download sbom ${subject}`,
  ]);
  assert.deepEqual(attached({ attestations: [{ attached: "index", of: digest("b") }] }), [
    `docker buildx imagetools inspect ${subject} --format '{{ json .Provenance }}'`,
  ]);
  assert.deepEqual(attached({ sboms: [{ format: "written by an older program" }] }), []);
});

it("commands: Helm for a chart, oras for other artifacts", () => {
  const chart = { artifactType: "application/vnd.cncf.helm.config.v1+json", tags: ["1.0.0_build"] };
  assert.equal(commandsOf(chart)[0], `helm pull oci://${host}/a/b --version 1.0.0+build`);
  assert.equal(commandsOf({ artifactType: "application/x" })[0], `oras pull ${host}/a/b@${digest("a")}`);
});

it("quotes any text as one word of a shell", () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes("\0")),
      (text) => {
        const shown = spawnSync("sh", ["-c", `printf %s ${shellWord(text)}`], { encoding: "utf8" });
        assert.equal(shown.stdout, text);
      },
    ),
    { numRuns: 40 },
  );
});

it("the download command prints OK, and fails for other content", () => {
  const folder = mkdtempSync(join(tmpdir(), "download-"));
  afterTest(() => rmSync(folder, { recursive: true }));
  const sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // of "hello"
  const line = fileCommand("https://x.example", { path: "binaries/a/v1/a+b", sha256, bytes: 5 });
  assert.match(
    line,
    /^curl -fL -o \.\/a\+b https:\/\/x\.example\/binaries\/a\/v1\/a%2Bb && echo '[0-9a-f]{64} {2}a\+b' \| sha256sum -c$/,
  );
  const plain = fileCommand("https://x.example", { path: "binaries/a/v1/a", sha256, bytes: 5 });
  assert.match(plain, /^curl -fLO https:\/\/x\.example\/binaries\/a\/v1\/a && echo /);
  for (const [content, status] of [
    ["hello", 0],
    ["hullo", 1],
  ] as const) {
    writeFileSync(join(folder, "a+b"), content);
    const ran = spawnSync("sh", ["-c", line.replace(/^curl [^&]+/, "true ")], { cwd: folder });
    assert.equal(ran.status, status);
  }
});

it("quantities", () => {
  assert.deepEqual([0, 1, 999, 1000, 9949, 12_345, 999_499, 999_500, 1.5e6, 2e9].map(formatSize), [
    "0 B",
    "1 B",
    "999 B",
    "1.0 kB",
    "9.9 kB",
    "12 kB",
    "999 kB",
    "1.0 MB",
    "1.5 MB",
    "2.0 GB",
  ]);
  assert.deepEqual(
    [formatSizeRange([]), formatSizeRange([5e6]), formatSizeRange([5e6, 7e6]), formatSizeRange([9e5, 1.2e6])],
    ["", "5.0 MB", "5.0\u20137.0 MB", "900 kB\u20131.2 MB"],
  );
  assert.deepEqual([formatQuantity(1, "file"), formatQuantity(8990, "file")], ["1 file", "8,990 files"]);
  assert.equal(formatDay("2026-01-31T10:00:00Z"), "2026-01-31");
  assert.equal(shortDigest(digest("a")), `sha256:${"a".repeat(12)}`);
});

it("finds the release and file of a path below a project's files", () => {
  const project = (...releases: string[]) =>
    ({ releases: releases.map((release) => ({ release })) }) as unknown as read.ProjectDocument;
  assert.deepEqual(findRelease(project("v1", ""), "v1"), { release: "v1", file: undefined });
  assert.deepEqual(findRelease(project("v1", ""), "v1/a/b"), { release: "v1", file: "v1/a/b" });
  assert.deepEqual(findRelease(project("v1", ""), "KEYS"), { release: "", file: "KEYS" });
  assert.deepEqual(findRelease(project("v1", ""), ""), { release: "", file: undefined });
  assert.equal(findRelease(project("v1"), "v2/a"), undefined);
});

it("the map: degrees become units of the drawing, from the north-west", () => {
  assert.deepEqual(projected({ latitude: 80, longitude: -180 }), [0, 0]);
  assert.deepEqual(projected({ latitude: -60, longitude: 180 }), [720, 280]);
  assert.deepEqual(projected({ latitude: 50, longitude: 8 }), [376, 60]);
});
