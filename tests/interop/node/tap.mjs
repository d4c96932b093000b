// Reads a report in TAP by a parser that is not ours, strictly: what it does not understand is an error.
//
// usage: node tap.mjs FILE
import fs from 'node:fs';
import { Parser } from 'tap-parser';

const parser = new Parser({ strict: true }, (results) => {
  const mistakes = results.failures.filter((failure) => failure.tapError);
  if (mistakes.length > 0) {
    console.error(mistakes);
    process.exit(1);
  }
  console.log([results.count, results.fail, results.todo, results.skip].join(' '));
});
parser.end(fs.readFileSync(process.argv[2], 'utf8'));
