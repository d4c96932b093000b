// Says what the reader of @stomp/stompjs makes of octets: the first frame in them, as its users get it.
//
// usage: node parse.mjs < UNITS     a unit to a line, in base64; an answer in JSON to each:
//   {"eols": 1, "frame": {"command": …, "headers": [[name, value], …], "body": base64}}; no frame where it waits for more
import { createInterface } from 'node:readline';
// What it does is told by these two alone; it exports neither.
import { FrameImpl } from './node_modules/@stomp/stompjs/esm6/frame-impl.js';
import { Parser } from './node_modules/@stomp/stompjs/esm6/parser.js';

function read(octets) {
  let frame;
  let eols = 0;
  const parser = new Parser(
    (raw) => {
      const read = FrameImpl.fromRawFrame(raw, true);
      const body = Buffer.from(read.binaryBody).toString('base64');
      frame ??= { command: read.command, headers: Object.entries(read.headers), body };
    },
    () => {
      eols += frame ? 0 : 1;
    },
  );
  parser.parseChunk(octets);
  return { eols, frame };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(read(Buffer.from(line, 'base64'))));
}
