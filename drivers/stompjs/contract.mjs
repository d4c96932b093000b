// The end of the contract in docs/drivers.md that every driver on Node has: its environment, and lines in and out.
const CAN = [
  'send', 'revoke', 'sync', 'group', 'disconnect', 'receipt', 'ack', 'transaction', 'headers', 'heart-beat', 'reconnect', 'sockjs',
];

export function settings() {
  const { env } = process;
  const missing = ['URL', 'TOKEN', 'APP_ID'].map((name) => `STOMPLIANCE_${name}`).filter((name) => !env[name]);
  if (missing.length > 0) throw new Error(`not set: ${missing.join(', ')}`);
  return {
    url: env.STOMPLIANCE_URL,
    token: env.STOMPLIANCE_TOKEN,
    appId: env.STOMPLIANCE_APP_ID,
    heartBeat: env.STOMPLIANCE_HEART_BEAT,
    transport: env.STOMPLIANCE_TRANSPORT,
  };
}

/** Node writes to a pipe at once: nothing is left behind at the exit. */
export const tellLine = (line) => process.stdout.write(`${line}\n`);
export const tell = (event) => tellLine(JSON.stringify(event));
export const greet = (name, version) => tell({ hello: 1, name, version, can: CAN });

/** Gives `take` each line of the input, until it says that this was the last. */
export async function obey(take) {
  for await (const line of lines(process.stdin)) {
    if (await take(line)) return;
  }
}

/** `node:readline` would cut at U+2028 as well, which may stand in a JSON string. */
async function* lines(stream) {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const whole = (rest + chunk).split('\n');
    rest = whole.pop();
    yield* whole;
  }
  if (rest) yield rest;
}
