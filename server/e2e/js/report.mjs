// What the drivers have to say goes to standard output, one JSON value a line.
export function report(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}
