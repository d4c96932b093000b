// The end of the contract in docs/drivers.md that every driver on Node has: its environment, lines in and out, one life of
// the client after the other.
const CAN = [
  'send', 'revoke', 'sync', 'group', 'disconnect', 'receipt', 'ack', 'transaction', 'headers', 'heart-beat', 'reconnect', 'sockjs',
  'restart',
];

/** Node writes to a pipe at once: nothing is left behind at the exit. */
export const tellLine = (line) => process.stdout.write(`${line}\n`);
export const tell = (event) => tellLine(JSON.stringify(event));

/**
 * Has `open` make a client of its settings, which may take long, and gives it its commands, to the end of the program.
 * A client can `take` a line, which gives whether it says `quit`, and `quit` and `drop`.
 */
export async function serve(name, version, open) {
  const input = lines(process.stdin);
  for (let environment = process.env; environment; environment = await nextEnvironment(input)) {
    tell({ hello: 1, name, version, can: CAN });
    const client = await open(settings(environment));
    await obey(input, client);
    if (process.env.STOMPLIANCE_RESTART !== '1') break;
    tell({ event: 'over' });
  }
  process.stdout.write('', () => process.exit(0)); // once all has been told
}

function settings(environment) {
  const missing = ['URL', 'TOKEN', 'APP_ID'].map((name) => `STOMPLIANCE_${name}`).filter((name) => !environment[name]);
  if (missing.length > 0) throw new Error(`not set: ${missing.join(', ')}`);
  return {
    url: environment.STOMPLIANCE_URL,
    token: environment.STOMPLIANCE_TOKEN,
    appId: environment.STOMPLIANCE_APP_ID,
    heartBeat: environment.STOMPLIANCE_HEART_BEAT,
    transport: environment.STOMPLIANCE_TRANSPORT,
  };
}

/** Until the client is to end, as it has then. */
async function obey(input, client) {
  for (;;) {
    const { value: line, done } = await input.next();
    if (!done && read(line)?.do === 'drop') return client.drop();
    if (done || await client.take(line)) return client.quit();
  }
}

/** That of the next life; none at the end of the input. */
async function nextEnvironment(input) {
  for (;;) {
    const { value: line, done } = await input.next();
    if (done) return undefined;
    const command = read(line);
    if (command?.do === 'restart') return command.environment;
  }
}

function read(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
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
