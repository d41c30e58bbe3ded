import pLimit from "p-limit";

/** Concurrent requests to one mirror. */
const requestsAtATime = 16;

/** Runs the work on all objects of a mirror, a limited number at a time. After a failure it starts no more. */
export async function inAll<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const limit = pLimit(requestsAtATime);
  try {
    await Promise.all(items.map((item) => limit(() => work(item))));
  } finally {
    limit.clearQueue();
  }
}
