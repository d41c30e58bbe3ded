/** Folder of the orders of jobs on mirrors, in the bucket of the fills. */
export const ordersFolder = "orders/";

/** Folder of what promotions no longer want, there too. */
export const unwantedFolder = "unwanted/";

/** How the keys of orders to read a mirror back end: no deployment waits for those. */
export const auditOrderEnding = ".audit.json.gz";
