/** `npm start` rehearses the demo; with `--stack NAME`, an organisation's own config and projects. */
const ofStack = process.argv.some((argument) => /^--(stack|config-file|html)(=|$)/.test(argument));
await (ofStack ? import("./rehearse-stack.ts") : import("./rehearse.ts"));
