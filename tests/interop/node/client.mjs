// Two ordinary clients on a server that speaks the dialect: @stomp/stompjs over a WebSocket, and over sockjs-client with
// each of its transports that Node has.
//
// usage: node client.mjs URL --app APP --group ID --account alice=USER:TOKEN --account bob=USER:TOKEN
// (the flags of `stompliance run`; both accounts are members of the group). Exits 0 when everything was as it must be.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Client } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import { WebSocket } from 'ws';

const PATIENCE = 10_000; // ms, spent only on what is about to fail
const PERSONAL = '/user/queue/messages';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { app: { type: 'string' }, group: { type: 'string' }, account: { type: 'string', multiple: true } },
});
const url = new URL(positionals[0]);
const accounts = Object.fromEntries(
  options.account.map((text) => {
    const [, name, user, token] = text.match(/^([^=]+)=([^:]+):(.*)$/);
    return [name, { name, user, token }];
  }),
);

/** The promise, or a failure that says what was waited for. */
function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${PATIENCE} ms in vain for ${what}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const endpoint = (scheme, token) => `${url.protocol === 'wss:' ? `${scheme}s` : scheme}://${url.host}${url.pathname}?token=${encodeURIComponent(token)}`;
const overWebSocket = (token) => (client) => new WebSocket(endpoint('ws', token), client.stompVersions.protocolVersions());
const overSockJsBy = (transport) => (token) => () => new SockJS(endpoint('http', token), null, { transports: [transport] });
const overSockJs = overSockJsBy('websocket');
const withoutWebSocket = ['xhr-polling', 'xhr-streaming', 'eventsource'];

/** A connected user with an inbox from which messages are taken by what they are. */
class Session {
  static async open(account, road, beats = 0) {
    const session = new Session(account);
    await within(`CONNECTED for ${account.name}`, session.connect(road, beats));
    assert.equal(session.client.connectedVersion, '1.2', 'of the versions offered the highest is used');
    return session;
  }

  constructor(account) {
    this.name = account.name;
    this.user = account.user;
    this.token = account.token;
    this.inbox = [];
    this.waiting = [];
    this.closed = new Promise((resolve) => (this.hasClosed = resolve));
  }

  connect(road, beats) {
    const client = new Client({
      connectHeaders: { host: url.hostname, Authorization: `Bearer ${this.token}` },
      reconnectDelay: 0,
      heartbeatIncoming: beats,
      heartbeatOutgoing: beats,
      onWebSocketClose: (event) => this.hasClosed(event),
    });
    client.webSocketFactory = () => road(client);
    this.client = client;
    return new Promise((resolve, reject) => {
      client.onConnect = resolve;
      client.onStompError = (frame) => {
        const what = `${this.name} got ERROR ${JSON.stringify(frame.headers)} ${frame.body}`;
        if (client.connected) console.error(what);
        reject(new Error(what));
      };
      this.closed.then((event) => reject(new Error(`${this.name}'s connection was closed: ${event.code} ${event.reason}`)));
      client.activate();
    });
  }

  /** What `act` asks a receipt for has been worked off. */
  settled(what, act) {
    const receipt = randomUUID();
    const done = new Promise((resolve) => this.client.watchForReceipt(receipt, resolve));
    const result = act({ receipt });
    return within(`the RECEIPT of ${this.name}'s ${what}`, done).then(() => result);
  }

  subscribe(destination, headers = {}) {
    const take = (frame) => {
      this.inbox.push(frame);
      this.waiting.splice(0).forEach((look) => look());
    };
    return this.settled(`SUBSCRIBE to ${destination}`, (receipt) => this.client.subscribe(destination, take, { ...headers, ...receipt }));
  }

  /** The next message that fits, taken out of the inbox. */
  receive(what, fits) {
    const found = new Promise((resolve) => {
      const look = () => {
        const at = this.inbox.findIndex(fits);
        if (at >= 0) resolve(this.inbox.splice(at, 1)[0]);
        else this.waiting.push(look);
      };
      look();
    });
    return within(`${this.name} to receive ${what}`, found);
  }

  app(verb, body) {
    this.client.publish({
      destination: `/app/chat.${verb}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ appId: options.app, ...body }),
    });
  }

  /** Sends a message of the dialect; gives its id and content. */
  say(toId, content, chatType = 'SINGLE') {
    const messageId = randomUUID();
    this.app('send', { messageId, toId, chatType, msgType: 'TEXT', content });
    return { messageId, content };
  }

  async leave() {
    await within(`the RECEIPT of ${this.name}'s DISCONNECT and the close`, this.client.deactivate());
    await within(`${this.name}'s connection to end`, this.closed);
  }
}

const json = (frame) => JSON.parse(frame.body);
const saying = (content) => (frame) => json(frame).content === content;

const checks = {
  async 'a message arrives, with all its members'() {
    const { content } = alice.say(bob.user, 'grüß dich, 你好 😀 "\\\n\u2028 e\u0301');
    const frame = await bob.receive('the message', saying(content));
    assert.equal(frame.headers.destination, PERSONAL);
    assert.ok(frame.headers.subscription, 'MESSAGE has the subscription that it answers');
    assert.ok(frame.headers['message-id'], 'MESSAGE has a message-id');
    const { id, createdAt, ...rest } = json(frame);
    assert.equal(typeof id, 'string');
    assert.ok(Number.isInteger(createdAt) && Math.abs(createdAt - Date.now()) < 600_000, `createdAt is near now: ${createdAt}`);
    assert.deepEqual(rest, { fromId: alice.user, toId: bob.user, chatType: 'SINGLE', msgType: 'TEXT', content, status: 'SENT' });
  },

  async 'an answer comes back the other way'() {
    const { content } = bob.say(alice.user, `answer ${randomUUID()}`);
    assert.equal(json(await alice.receive('the answer', saying(content))).fromId, bob.user);
  },

  async 'a message is revoked, and the recipient told without its content'() {
    const { messageId, content } = alice.say(bob.user, `slip of the tongue ${randomUUID()}`);
    const { id } = json(await bob.receive('the message', saying(content)));
    alice.app('revoke', { messageId });
    const revoked = ({ status, msgType }) => status === 'REVOKED' || msgType === 'REVOKED' || msgType === 'REVOKE';
    const notice = await bob.receive('the notice', (frame) => revoked(json(frame)));
    assert.ok([json(notice).id, json(notice).messageId].includes(id), `the notice names ${id}: ${notice.body}`);
    assert.ok(!notice.body.includes(content), 'the notice does not repeat what was revoked');
  },

  async 'a message to one who is offline comes by sync, once'() {
    await bob.leave();
    const { content } = alice.say(bob.user, `while you were out ${randomUUID()}`);
    bob = await Session.open(accounts.bob, overSockJs(accounts.bob.token));
    await bob.subscribe(PERSONAL);
    bob.app('sync', {});
    await bob.receive('what was sent while offline', saying(content));
    const live = alice.say(bob.user, `and now live ${randomUUID()}`); // behind it nothing of before can come
    await bob.receive('a live message', saying(live.content));
    assert.equal(bob.inbox.filter(saying(content)).length, 0, 'no second copy');
  },

  async 'a group message reaches the group'() {
    const destination = `/topic/group/${options.group}`;
    await Promise.all([alice.subscribe(destination), bob.subscribe(destination)]);
    const { content } = alice.say(options.group, `to all ${randomUUID()}`, 'GROUP');
    const frame = await bob.receive('the group message', saying(content));
    assert.equal(frame.headers.destination, destination);
    const { fromId, toId, chatType } = json(frame);
    assert.deepEqual({ fromId, toId, chatType }, { fromId: alice.user, toId: options.group, chatType: 'GROUP' });
  },

  async 'an unknown token is refused'() {
    for (const road of [overWebSocket, overSockJs, ...withoutWebSocket.map(overSockJsBy)]) {
      const mallory = new Session({ ...accounts.alice, name: 'mallory', token: 'no-such-token' });
      await within('the refusal', assert.rejects(mallory.connect(road(mallory.token), 0), /got ERROR|was closed/));
      await within("mallory's connection to end", mallory.closed);
    }
  },

  async 'the plain broker: escapes, redelivery, transactions, binary bodies'() {
    const queue = `/queue/interop-${randomUUID()}`;
    const fromQueue = (frame) => frame.headers.destination === queue;
    const plain = { 'content-type': 'text/plain', awkward: 'a:b\\ \r\n c' };
    alice.client.publish({ destination: queue, headers: plain, body: 'nul\0inside' });
    const forgetful = await Session.open(accounts.bob, overWebSocket(accounts.bob.token));
    await forgetful.subscribe(queue, { ack: 'client-individual' });
    const first = await forgetful.receive('a message', fromQueue);
    assert.equal(first.headers.awkward, plain.awkward);
    assert.equal(first.body, 'nul\0inside');
    await forgetful.leave();
    const subscription = await bob.subscribe(queue, { ack: 'client-individual' });
    const again = await bob.receive('what nobody acknowledged', fromQueue);
    assert.equal(again.body, first.body);
    again.ack();

    const transaction = alice.client.begin();
    alice.client.publish({ destination: queue, headers: { transaction: transaction.id }, body: 'inside' });
    alice.client.publish({ destination: queue, body: 'outside' });
    const outside = await bob.receive('what is outside', fromQueue);
    assert.equal(outside.body, 'outside', 'nothing of an open transaction');
    outside.ack();
    transaction.commit();
    const committed = await bob.receive('what is inside', fromQueue);
    assert.equal(committed.body, 'inside');
    committed.ack();
    await bob.settled('UNSUBSCRIBE', (receipt) => subscription.unsubscribe(receipt));

    const topic = `/topic/interop-${randomUUID()}`;
    await alice.subscribe(topic);
    const octets = Uint8Array.from({ length: 256 }, (_, i) => i);
    alice.client.publish({ destination: topic, headers: { 'content-type': 'application/octet-stream' }, binaryBody: octets });
    const binary = await alice.receive('a binary body', (frame) => frame.headers.destination === topic);
    assert.deepEqual(binary.binaryBody, octets);
  },

  ...Object.fromEntries(withoutWebSocket.map((transport) => [`a session over ${transport}: both ways, in order, with heart-beats`, () => overHttp(transport)])),

  async 'heart-beats went both ways all the time'() {
    await within('three heart-beats', beats);
    assert.ok(beating.client.connected, 'who beats is not given up');
  },

  async 'all leave with a RECEIPT'() {
    await Promise.all([alice.leave(), bob.leave(), beating.leave()]);
  },
};

/** A session of carol's over SockJS without WebSocket: text both ways, more than one streaming response holds, beats, the end. */
async function overHttp(transport) {
  const carol = await Session.open(accounts.bob, overSockJsBy(transport)(accounts.bob.token), 200);
  assert.equal(carol.client.webSocket.transport, transport, 'no other transport was fallen back to');
  const heard = new Promise((resolve) => (carol.client.onHeartbeatReceived = resolve));
  const topic = `/topic/interop-${randomUUID()}`;
  const fromTopic = (frame) => frame.headers.destination === topic;
  await carol.subscribe(topic);
  const bodies = ['50% of %41, \u200c\u2028\ufeff 😀 "\\\n nul \0 inside'];
  for (let at = 0; at < 40; at += 1) bodies.push(`${at} ${'x'.repeat(8_000)}`); // past 128 KiB, two times
  for (const body of bodies) alice.client.publish({ destination: topic, body });
  for (const body of bodies) {
    const frame = await carol.receive('the next message', fromTopic);
    assert.equal(frame.body, body, 'in order, and nothing is lost between two responses');
  }
  const { content } = carol.say(alice.user, `by ${transport}: 50% ${randomUUID()}`);
  await alice.receive('what was sent by xhr_send', saying(content));
  await within('a heart-beat', heard);
  assert.ok(carol.client.connected, 'who beats is not given up');
  await carol.leave();
}

let alice;
let bob;
let beating;
let beats;
try {
  beating = await Session.open(accounts.alice, overWebSocket(accounts.alice.token), 100);
  beats = new Promise((resolve) => {
    let left = 3; // by then it has sent as many
    beating.client.onHeartbeatReceived = () => --left || resolve();
  });
  alice = await Session.open(accounts.alice, overWebSocket(accounts.alice.token));
  bob = await Session.open(accounts.bob, overSockJs(accounts.bob.token));
  await Promise.all([alice.subscribe(PERSONAL), bob.subscribe(PERSONAL)]);
  for (const [what, check] of Object.entries(checks)) {
    await check();
    console.log(`ok    ${what}`);
  }
  process.exit(0);
} catch (error) {
  console.error(`FAIL  ${error.stack}`);
  process.exit(1);
}
