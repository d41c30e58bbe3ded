import type { Client } from "../client/client.ts";
import { wholeDegrees } from "../client/coordinates.ts";
import type { RedirectorConfig } from "../config.ts";
import { chooseMirror, type Mirror } from "../mirrors/mirrors.ts";
import type { KnownMirrors } from "../routing/decide.ts";

/** The document `/status.json`: the mirrors' health as one instance sees it now. */
export interface Status {
  readonly schemaVersion: 1;
  readonly host: string;
  /** Region of the instance that answers. */
  readonly region: string;
  readonly mirrors: readonly {
    readonly name: string;
    readonly kind: "images" | "files";
    readonly cloud: string;
    readonly region: string;
    /** Of its region, in degrees. */
    readonly latitude: number;
    readonly longitude: number;
    readonly healthy: boolean;
  }[];
  /**
   * The client: its cloud and region, if it is in a cloud, where it is taken to be in whole degrees, and the mirrors that it is redirected to.
   */
  readonly you: {
    readonly cloud: string;
    readonly region: string;
    readonly latitude: number;
    readonly longitude: number;
    readonly images?: string;
    readonly files?: string;
  };
}

/** Composes the status for a client. */
export function statusOf(config: RedirectorConfig, mirrors: KnownMirrors, client: Client): Status {
  const [images, files] = [chooseMirror(mirrors.images, client), chooseMirror(mirrors.files, client)];
  const described = (kind: "images" | "files") => (mirror: Mirror<{ region: string } & Mirror["site"]>) => {
    const { name, cloud, region, latitude, longitude } = mirror.site;
    return { name, kind, cloud, region, latitude, longitude, healthy: mirror.healthy };
  };
  return {
    schemaVersion: 1,
    host: config.host,
    region: config.region.name,
    mirrors: [...mirrors.images.map(described("images")), ...mirrors.files.map(described("files"))],
    you: {
      cloud: client.cloud,
      region: client.region,
      ...wholeDegrees(client.place),
      ...(images && { images: images.site.name }),
      ...(files && { files: files.site.name }),
    },
  };
}

/** The status as text for a terminal. */
export function statusText({ host, region, mirrors, you }: Status): string {
  const unhealthy = mirrors.filter(({ healthy }) => !healthy).length;
  const rows = mirrors.map(({ kind, cloud, region: at, healthy, name }) => {
    const yours = name === you[kind] ? "  <- yours" : "";
    return `  ${kind.padEnd(6)}  ${cloud.padEnd(5)}  ${at.padEnd(24)}  ${healthy ? "answers" : "DOES NOT ANSWER"}${yours}\n`;
  });
  const answer = unhealthy === 0 ? "all mirrors answer" : `${unhealthy} of ${mirrors.length} mirrors do not answer`;
  return `${host}: ${answer}, as the redirector in ${region} sees them\n\n${rows.join("")}`;
}
