/** The GitHub workflow that a project's own repository releases with: pushes to the project's staging area, without any key. */

/** What the workflow must know of its project. */
export interface ReleaseWorkflow {
  readonly project: string;
  /** `projects/<number>/locations/global/workloadIdentityPools/github/providers/actions`. */
  readonly identityProvider: string;
  /** Staging repository, `HOST/PATH`; undefined: the project stages no images. */
  readonly registryUri: string | undefined;
  /** Staging bucket; undefined: the project stages no files. */
  readonly bucket: string | undefined;
  /** The repository of the manifests, `owner/name`. */
  readonly manifests: string;
}

const checkout = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
const auth = "google-github-actions/auth@7c6bc770dae815cd3e89ee6cdf493a5fab2cc093 # v3.0.0";
const cosign = "sigstore/cosign-installer@d58896d6a1865668819e1d91763c7751a165e159 # v3.9.2";

/** The text of the workflow. Every value in it is checked by the stack's config and the rules of names: none can leave its place in the YAML. */
export function releaseWorkflow({
  project,
  identityProvider,
  registryUri,
  bucket,
  manifests,
}: ReleaseWorkflow): string {
  const images = registryUri === undefined ? "" : imageSteps(registryUri);
  const files = bucket === undefined ? "" : fileSteps(bucket);
  const [what, name] = registryUri === undefined ? ["files $TAG/", ""] : [`${project}:$TAG`, project];
  return `# Pushes a release of ${project} to its staging area, without a key: GitHub vouches for this repository (OIDC). It runs for tags alone, because only
# they may push. ${registryUri === undefined ? "" : `The image is called ${name}: change IMAGE if yours has another name. `}After it, a pull request in ${manifests} publishes what is in
# staging: npm run promote -- ${project} ${what.replace("$TAG", "TAG")}
name: artifacts
on:
  push:
    tags: ["v*"]
permissions: {}
concurrency:
  group: artifacts-\${{ github.ref }}
  cancel-in-progress: false # half a release is none
jobs:
  push:
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    permissions:
      contents: read
      id-token: write # to be exchanged for the right to push, and to sign
    env:
      TAG: \${{ github.ref_name }}
    steps:
      - uses: ${checkout}
        with:
          persist-credentials: false
      - uses: ${auth}
        id: auth
        with:
          workload_identity_provider: ${identityProvider}
${images}${files}      - name: Say what to do next
        run: |
          echo "Pushed $TAG. Next, in ${manifests}: npm run promote -- ${project} ${what}" >> "$GITHUB_STEP_SUMMARY"
`;
}

function imageSteps(registryUri: string): string {
  const [host = ""] = registryUri.split("/");
  const image = registryUri
    .split("/")
    .at(-1)!
    .replace(/^staging-/, "");
  return `      - uses: ${cosign}
      - name: Log in to the registry
        env:
          TOKEN: \${{ steps.auth.outputs.auth_token }}
        run: echo "$TOKEN" | docker login --username oauth2accesstoken --password-stdin https://${host}
      - name: Build, push and sign the image
        env:
          IMAGE: ${registryUri}/${image}
          PLATFORMS: linux/amd64 # and others, as linux/amd64,linux/arm64, if the Dockerfile builds for them
        run: |
          docker buildx create --use
          docker buildx build . --platform "$PLATFORMS" --tag "$IMAGE:$TAG" --metadata-file metadata.json --push
          cosign sign --yes "$IMAGE@$(jq --raw-output '."containerimage.digest"' metadata.json)"
`;
}

function fileSteps(bucket: string): string {
  return `      - name: Push the files
        run: |
          # Build them into dist/ before. Each gets its checksum, for those who download it and for npm run promote.
          (cd dist && sha256sum -- * > SHA256SUMS)
          gcloud storage cp --recursive --no-clobber dist/* "gs://${bucket}/$TAG/"
`;
}
