// Records what @stomp/stompjs puts on the wire: a client towards a WebSocket server that keeps every octet.
//
// usage: node stompjs.mjs FOLDER     (record.py calls it)
// Writes FOLDER/stompjs-*.bin and prints, as JSON, what the library was asked to send: the frames to be found.
// They are written down here from the calls and the library's documentation, never read back from the octets.
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(new URL('../node/', import.meta.url));
const { Client, Versions } = require('@stomp/stompjs');
const { WebSocket, WebSocketServer } = require('ws');
const library = `@stomp/stompjs ${require('../node/package.json').dependencies['@stomp/stompjs']}`;
const folder = process.argv[2];

const frame = (command, headers, body = '') => ({ command, headers, body_hex: Buffer.from(body).toString('hex') });
const length = (body) => ['content-length', `${Buffer.from(body).length}`];

/** One session: `script(client, sent)` acts and lists the frames; the server answers what keeps it going. */
async function record(file, version, settings, script) {
  const octets = [];
  let eols = 0;
  let beaten;
  const beats = new Promise((resolve) => (beaten = resolve));
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) => {
    const say = (command, headers, body = '') => socket.send(`${command}\n${headers.join('\n')}\n\n${body}\0`);
    socket.on('message', (data) => {
      octets.push(data);
      const text = data.toString();
      if (text === '\n') {
        eols += 1;
        if (eols === 3) beaten();
      } else if (text.startsWith('CONNECT\n')) {
        say('CONNECTED', [`version:${version}`, 'heart-beat:0,40']);
      } else if (text.startsWith('SUBSCRIBE\n')) {
        for (const id of ['m-1', 'm-2']) {
          say('MESSAGE', ['subscription:sub-a', `message-id:${id}`, 'destination:/queue/a', `ack:ack\\c${id}`], id);
        }
      } else if (text.startsWith('DISCONNECT\n')) {
        say('RECEIPT', ['receipt-id:bye']);
      }
    });
  });
  const sent = [];
  const client = new Client({
    webSocketFactory: () => new WebSocket(`ws://127.0.0.1:${server.address().port}/`, ['v12.stomp', 'v11.stomp']),
    stompVersions: new Versions([version]),
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 40,
    ...settings,
  });
  const connected = new Promise((resolve, reject) => {
    client.onConnect = resolve;
    client.onStompError = reject;
    client.onWebSocketError = reject;
  });
  client.disconnectHeaders = { receipt: 'bye' };
  client.activate();
  await connected;
  await script(client, sent, beats);
  await client.deactivate();
  server.close();
  writeFileSync(join(folder, file), Buffer.concat(octets));
  return { file, direction: 'client-to-server', source: library, version, eols, frames: sent };
}

/** Everything a client may send, with what is awkward in headers and bodies. */
async function everything(client, sent, beats, version) {
  const acks = [];
  await new Promise((resolve) => {
    client.subscribe('/queue/a', (message) => acks.push(message) === 2 && resolve(), {
      id: 'sub-a', ack: 'client-individual', 'x-name': 'größe 大小',
    });
  });
  sent.push(frame('SUBSCRIBE', [['id', 'sub-a'], ['ack', 'client-individual'], ['x-name', 'größe 大小'], ['destination', '/queue/a']]));
  const ack = (id) =>
    version === '1.2' ? [['id', `ack:${id}`], ['subscription', 'sub-a']] : [['message-id', id], ['subscription', 'sub-a']];
  acks[0].ack({ receipt: 'r-1' });
  sent.push(frame('ACK', [['receipt', 'r-1'], ...ack('m-1')]));
  acks[1].nack();
  sent.push(frame('NACK', ack('m-2')));

  const send = (destination, headers, body) => {
    const binary = typeof body !== 'string';
    client.publish({ destination, headers, [binary ? 'binaryBody' : 'body']: body });
    const lines = [['destination', destination], ...Object.entries(headers)];
    sent.push(frame('SEND', body.length > 0 ? [...lines, length(body)] : lines, body));
  };
  send('/queue/a', { 'content-type': 'application/json' }, '{"content":"ä 你好 😀","n":1}');
  // On 1.1 the library escapes nothing: what is not plain would be a fault of its own (see stompjs-1.1-backslash.bin).
  if (version === '1.2') send('/queue/a:b', { 'x-all': 'a:b\\c\nd\re\\n', 'x-é': ' padded ', 'x-empty': '' }, 'escaped');
  else send('/queue/a', { 'x-colon': 'a:b', 'x-é': ' padded ', 'x-empty': '' }, 'colon');
  send('/queue/a', {}, '');
  send('/queue/a', { 'content-type': 'text/plain' }, 'nul\0in\0text\0\n');
  send('/queue/a', { 'content-type': 'application/octet-stream' }, Uint8Array.from({ length: 256 }, (_, i) => i));
  client.publish({ destination: '/queue/a', body: 'no length\n', skipContentLengthHeader: true });
  sent.push(frame('SEND', [['destination', '/queue/a']], 'no length\n'));

  for (const [id, end] of [['tx-1', 'commit'], ['tx-2', 'abort']]) {
    const transaction = client.begin(id);
    sent.push(frame('BEGIN', [['transaction', id]]));
    send('/queue/a', { transaction: id }, `in ${id}`);
    transaction[end]();
    sent.push(frame(end.toUpperCase(), [['transaction', id]]));
  }
  client.unsubscribe('sub-a', { receipt: 'r-2' });
  sent.push(frame('UNSUBSCRIBE', [['receipt', 'r-2'], ['id', 'sub-a']]));
  await beats;
  sent.push(frame('DISCONNECT', [['receipt', 'bye']]));
}

const recordings = [];
for (const version of ['1.2', '1.1']) {
  // CONNECT is never escaped: the backslash and the colon stand as they are.
  const connectHeaders = { host: '/', login: 'a:b\\c', passcode: 'päss' };
  recordings.push(
    await record(`stompjs-${version}.bin`, version, { connectHeaders }, async (client, sent, beats) => {
      sent.push(frame('CONNECT', [...Object.entries(connectHeaders), ['accept-version', version], ['heart-beat', '40,0']]));
      await everything(client, sent, beats, version);
    }),
  );
}
recordings.push(
  await record('stompjs-1.1-backslash.bin', '1.1', { heartbeatOutgoing: 0 }, async (client, sent) => {
    sent.push(frame('CONNECT', [['accept-version', '1.1'], ['heart-beat', '0,0']]));
    client.publish({ destination: '/queue/a', headers: { 'x-path': 'C:\\temp' }, body: 'unescaped' });
    sent.push(frame('SEND', [['destination', '/queue/a'], ['x-path', 'C:\\temp'], length('unescaped')], 'unescaped'));
    sent.push(frame('DISCONNECT', [['receipt', 'bye']]));
  }),
);
recordings.push(
  await record('stompjs-1.2-all-binary.bin', '1.2', { heartbeatOutgoing: 0, forceBinaryWSFrames: true }, async (client, sent) => {
    sent.push(frame('CONNECT', [['accept-version', '1.2'], ['heart-beat', '0,0']]));
    client.publish({ destination: '/queue/a', body: '😀' });
    sent.push(frame('SEND', [['destination', '/queue/a'], length('😀')], '😀'));
    sent.push(frame('DISCONNECT', [['receipt', 'bye']]));
  }),
);
console.log(JSON.stringify(recordings));
