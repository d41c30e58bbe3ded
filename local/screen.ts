/** What the rehearsal says: numbered steps with their times, and indented lines below them. */

const colour = process.stdout.isTTY && !process.env["NO_COLOR"];
const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const started = Date.now();

/** Runs one step under a heading, and says how long it took. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const begin = Date.now();
  console.log(`\n${paint(1, `== ${title}`)}`);
  const result = await work();
  console.log(paint(2, `   (${seconds(begin)})`));
  return result;
}

/** A line that belongs to the step. */
export function say(line: string): void {
  for (const one of line.split("\n")) console.log(`   ${one}`);
}

/** A plain line. */
export function print(line = ""): void {
  console.log(line);
}

/** A command as the user could type it. */
export function sayCommand(command: string): void {
  console.log(`   ${paint(36, `$ ${command}`)}`);
}

/** Why it ends badly, on stderr. */
export function complain(message: string): void {
  console.error(`\n${colour ? paint(31, "error:") : "error:"} ${message}`);
}

/** Seconds since this process began, or since a moment (milliseconds): `12.3 s`. */
export function seconds(since = started): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
