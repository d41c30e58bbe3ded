import { lostPlatforms } from "../manifests/platforms.ts";
import type { Project } from "../manifests/project.ts";
import { newestRelease } from "../manifests/releases.ts";
import { compareVersions, versionBefore } from "../manifests/versions.ts";
import { explainBlob } from "../promotion/images/explain-absence.ts";
import { platformsOf } from "../promotion/oci/manifest.ts";
import { getManifest, headManifest } from "../promotion/oci/manifests.ts";
import type { Remote } from "../promotion/oci/remote.ts";
import { repositoryAt } from "../promotion/oci/repository.ts";
import { listTags } from "../promotion/oci/tags.ts";
import type { Transport } from "../promotion/oci/transport.ts";
import { globMatcher } from "../promotion/text/glob-matcher.ts";
import { nearest } from "../promotion/text/nearest.ts";
import { attachedTagPattern } from "../promotion/text/oci-grammar.ts";
import { CommandError } from "./command.ts";
import type { Reference } from "./reference.ts";

/** What a reference turned out to be in staging. */
export interface StagedImage {
  readonly image: string;
  readonly digest: string;
  readonly tags: readonly string[];
}

/** Reads a project's staging repository: the same client, against any registry, as the promotion. */
export class StagedImages {
  readonly #transport: Transport;
  readonly #registryUri: string;
  readonly #sources: ReadonlyMap<string, string>;

  /** @param project whose manifest says which images have another name in staging. */
  constructor(transport: Transport, registryUri: string, project: Pick<Project, "images">) {
    this.#transport = transport;
    this.#registryUri = registryUri;
    this.#sources = new Map(project.images.map(({ name, from = name }) => [name, from]));
  }

  /**
   * The digests that a reference has in staging, each with the tag it is to have; of an image alone, the newest release there; of a pattern,
   * every tag that matches. Throws CommandError that says what is there instead, and what the registry's client throws.
   * @param pre whether the newest may be a pre-release.
   */
  async find(reference: Reference, pre = false): Promise<StagedImage[]> {
    if (reference.pattern === undefined) return [await this.#findOne(reference, pre)];
    const { image, pattern } = reference;
    const remote = this.#remote(image);
    const tags = (await this.#tags(remote)).filter(globMatcher([pattern])).sort(compareVersions);
    if (tags.length === 0)
      throw new CommandError(
        `no tag of ${image} in staging (${placeOf(remote)}) matches ${pattern}: ${await this.#there(remote)}`,
      );
    return await Promise.all(
      tags.map((tag) => this.#findOne({ image, tag, digest: undefined, pattern: undefined }, pre)),
    );
  }

  async #findOne({ image, tag, digest }: Reference, pre: boolean): Promise<StagedImage> {
    const remote = this.#remote(image);
    const where = placeOf(remote);
    if (digest !== undefined) {
      if ((await headManifest(remote, digest)) === undefined)
        throw new CommandError(
          `${image}@${digest} is not in staging (${where}): ${(await explainBlob(remote, digest)) ?? "push it there first"}`,
        );
      return { image, digest, tags: tag === undefined ? [] : [tag] };
    }
    const wanted = tag ?? newestRelease(await this.#tags(remote), { pre });
    if (wanted === undefined)
      throw new CommandError(
        `${image} has no release in staging (${where}): name a tag, ${image}:TAG${pre ? "" : ", or take pre-releases too with --pre"}; ${await this.#there(remote)}`,
      );
    const found = await headManifest(remote, wanted);
    if (found === undefined)
      throw new CommandError(`${image}:${wanted} is not in staging (${where}): ${await this.#there(remote, wanted)}`);
    return { image, digest: found.digest, tags: [wanted] };
  }

  /**
   * A warning if an image that is new lacks platforms that the version before it has, as far as staging still holds that one.
   */
  async lostPlatforms(project: Project, { image, digest, tags }: StagedImage): Promise<string | undefined> {
    const digests = project.images.find(({ name }) => name === image)?.digests ?? [];
    if (digests.some((entry) => entry.digest === digest)) return undefined;
    const version = versionBefore(
      tags,
      digests.flatMap((entry) => entry.tags),
    );
    const former = digests.find((entry) => version !== undefined && entry.tags.includes(version))?.digest;
    if (version === undefined || former === undefined) return undefined;
    const remote = this.#remote(image);
    const [added, before] = await Promise.all([getManifest(remote, digest), getManifest(remote, former)]);
    if (added === undefined || before === undefined) return undefined;
    return lostPlatforms(
      image,
      { reference: tags[0] ?? digest, platforms: platformsOf(added) },
      { reference: version, platforms: platformsOf(before) },
    );
  }

  #remote(image: string): Remote {
    return {
      transport: this.#transport,
      repository: repositoryAt(this.#registryUri, this.#sources.get(image) ?? image),
      signal: AbortSignal.timeout(120_000),
    };
  }

  /** Tags of versions and the like, without those that belong to signatures. */
  async #tags(remote: Remote): Promise<string[]> {
    return (await listTags(remote)).tags.filter((tag) => !attachedTagPattern.test(tag));
  }

  async #there(remote: Remote, wanted?: string): Promise<string> {
    const tags = await this.#tags(remote);
    const meant = wanted === undefined ? undefined : nearest(wanted, tags);
    if (meant !== undefined) return `did you mean ${meant}?`;
    return tags.length === 0
      ? "nothing is there: push it there first"
      : `there are ${tags.slice(-10).join(", ")}${tags.length > 10 ? ` and ${tags.length - 10} more` : ""}`;
  }
}

function placeOf({ repository }: Remote): string {
  return `${repository.host}/${repository.name}`;
}
