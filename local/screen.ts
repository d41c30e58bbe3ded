/** The rehearsal's output: steps with their durations, and indented lines below them. */

const colour = process.stdout.isTTY && !process.env["NO_COLOR"];
const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const started = Date.now();

/** Runs one step under a heading and prints its duration. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const begin = Date.now();
  console.log(`\n${paint(1, `== ${title}`)}`);
  const result = await work();
  console.log(paint(2, `   (${seconds(begin)})`));
  return result;
}

/** Prints lines of the present step, indented. */
export function say(line: string): void {
  for (const one of line.split("\n")) console.log(`   ${one}`);
}

/** Prints a line without indentation. */
export function print(line = ""): void {
  console.log(line);
}

/** Prints a command as the user can type it. */
export function sayCommand(command: string): void {
  console.log(`   ${paint(36, `$ ${command}`)}`);
}

/** Prints an error on stderr. */
export function complain(message: string): void {
  console.error(`\n${colour ? paint(31, "error:") : "error:"} ${message}`);
}

/** Seconds since this process started, or since a time in milliseconds: `12.3 s`. */
export function seconds(since = started): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
