/** Which items an inventory looks at down to the last byte's presence. */
export type DeepShare = (digest: string) => boolean;

/** All of them. */
export const everyDigest: DeepShare = () => true;

/**
 * One of `days` equal shares, another each day: after so many days all have been looked at. By digest, so that it does not matter who asks.
 * @param setting of ARTIFACTS_DEEP_DAYS; undefined or "": no share.
 * @throws Error for anything but a number of days from 1 to 366.
 */
export function shareOfTheDay(setting: string | undefined, now: Date): DeepShare | undefined {
  if (setting === undefined || setting === "") return undefined;
  const days = Number(setting);
  if (!Number.isInteger(days) || days < 1 || days > 366)
    throw new Error(`ARTIFACTS_DEEP_DAYS is a number of days from 1 to 366, not "${setting.slice(0, 20)}"`);
  const today = Math.floor(now.getTime() / 86_400_000) % days;
  return (digest) => Number.parseInt(digest.slice("sha256:".length, "sha256:".length + 8), 16) % days === today;
}
