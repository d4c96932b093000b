// A chat client as one builds it on @stomp/stompjs, in Node and in a page alike. It connects, subscribes, comes back and
// syncs; it takes the commands of docs/drivers.md and tells its events. What stompjs does otherwise than STOMP has it is
// left as it is: it is what is judged.
import { Client } from '@stomp/stompjs';

const PERSONAL = '/user/queue/messages';
/** How long `quit` waits for the RECEIPT of DISCONNECT and the close, in milliseconds: a server may give neither. */
const PATIENCE = 3_000;

export class Chat {
  #tell;
  #appId;
  #client;
  #hasBeenConnected = false;
  #wanted = new Map([[PERSONAL, 'auto']]); // the ack of each destination, to subscribe again after a reconnect
  #subscriptions = new Map(); // what stompjs gave for each destination, on this connection
  #waiting = []; // commands until there is a connection
  #shown = new Set();
  #revoked = new Set();
  #commands = {
    send: { needs: ['to'], act: (command) => this.#send(command) },
    revoke: { needs: ['messageId'], act: ({ messageId }) => this.#request('revoke', { messageId }) },
    sync: { needs: [], act: () => this.#request('sync', {}) },
    subscribe: { needs: [], act: (command) => this.#subscribe(place(command), command.ack ?? 'auto') },
    unsubscribe: { needs: [], act: (command) => this.#unsubscribe(place(command)) },
    begin: { needs: ['transaction'], act: ({ transaction }) => this.#client.begin(transaction) },
    commit: { needs: ['transaction'], act: ({ transaction }) => this.#client.commit(transaction) },
    abort: { needs: ['transaction'], act: ({ transaction }) => this.#client.abort(transaction) },
  };

  /** `SockJS` is its constructor: Node imports it, a page has it from a script. */
  constructor(settings, SockJS, tell) {
    this.#tell = tell;
    this.#appId = settings.appId;
    this.#client = new Client({
      ...road(settings, SockJS),
      ...beats(settings),
      connectHeaders: { Authorization: `Bearer ${settings.token}` },
      onConnect: () => this.#connected(),
      onStompError: (frame) => this.#refused(frame),
      onUnhandledMessage: ({ headers }) => console.error('a MESSAGE of no subscription:', JSON.stringify(headers)),
      onWebSocketError: (event) => this.#failed(event.message ?? 'the WebSocket failed'), // browsers do not say why
      onWebSocketClose: ({ code }) => this.#tell({ event: 'closed', code }),
    });
  }

  start() {
    this.#client.activate();
  }

  /** Does what the line says, now or once there is a connection; gives whether it says `quit`. */
  take(line) {
    try {
      const command = JSON.parse(line);
      if (command?.do === 'quit') return true;
      if (command?.do === 'disconnect') this.#leave();
      else this.#admit(command);
    } catch (error) {
      this.#error(`${error.message} in the command ${line}`);
    }
    return false;
  }

  /** Leaves, by force where the server does not let go. */
  async quit() {
    let timer;
    const patience = new Promise((resolve) => { timer = setTimeout(resolve, PATIENCE, 'late'); });
    const end = await Promise.race([this.#leave(), patience]);
    clearTimeout(timer);
    if (end === 'late') await this.#client.deactivate({ force: true });
  }

  /** Ends at once, as with the program: no goodbye, and nothing is told any more. */
  async drop() {
    this.#tell = () => {};
    await this.#client.deactivate({ force: true });
  }

  #error(message) {
    this.#tell({ event: 'error', message });
  }

  #admit(command) {
    if (!Object.hasOwn(this.#commands, command?.do ?? '')) throw new Error('nothing known to do');
    const missing = this.#commands[command.do].needs.filter((member) => typeof command[member] !== 'string');
    if (missing.length > 0) throw new Error(`no ${missing.join(', ')}`);
    if (this.#client.connected) this.#commands[command.do].act(command);
    else if (this.#client.active) this.#waiting.push(command);
    else throw new Error('not connected any more');
  }

  /** No command is left without an answer, and nothing comes back. */
  #leave() {
    for (const command of this.#waiting.splice(0)) this.#error(`left before it could ${command.do}`);
    return this.#client.deactivate();
  }

  #connected() {
    this.#subscriptions.clear();
    for (const [destination, ack] of this.#wanted) this.#subscribe(destination, ack);
    if (this.#hasBeenConnected) this.#request('sync', {});
    this.#hasBeenConnected = true;
    this.#tell({ event: 'connected' });
    for (const command of this.#waiting.splice(0)) this.take(JSON.stringify(command));
  }

  /** `ws` has the status of a refused upgrade at the end of its message. */
  #failed(message) {
    if (message.endsWith(' 401')) this.#refused({ headers: { message: 'Unauthorized' } });
    else this.#error(message);
  }

  #refused({ headers }) {
    this.#error(headers.message ?? 'ERROR without a message');
    if (headers.message === 'Unauthorized') this.#leave(); // the same token would be refused again
  }

  #subscribe(destination, ack) {
    if (this.#subscriptions.has(destination)) throw new Error('already subscribed');
    const take = (frame) => {
      this.#receive(frame);
      if (ack !== 'auto') frame.ack();
    };
    this.#subscriptions.set(destination, this.#client.subscribe(destination, take, ack === 'auto' ? {} : { ack }));
    this.#wanted.set(destination, ack);
  }

  #unsubscribe(destination) {
    const subscription = this.#subscriptions.get(destination);
    if (!subscription) throw new Error('not subscribed');
    subscription.unsubscribe();
    this.#subscriptions.delete(destination);
    this.#wanted.delete(destination);
  }

  #request(verb, body, headers = {}) {
    this.#client.publish({
      destination: `/app/chat.${verb}`,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ appId: this.#appId, ...body }),
    });
  }

  #send({ to, chatType = 'SINGLE', msgType = 'TEXT', content, messageId = crypto.randomUUID(), receipt, transaction, headers }) {
    const more = { ...headers };
    if (transaction) more.transaction = transaction;
    if (receipt) {
      more.receipt = receipt;
      this.#client.watchForReceipt(receipt, () => this.#tell({ event: 'receipt', id: receipt }));
    }
    this.#request('send', { messageId, toId: to, chatType, msgType, content }, more);
  }

  #receive({ headers, body }) {
    try {
      for (const message of messages(JSON.parse(body))) this.#show(message, headers);
    } catch (error) {
      this.#error(`a message that cannot be read: ${error.message}`);
    }
  }

  #show(message, headers) {
    if (typeof message !== 'object' || message === null) throw new Error('no object');
    const { id, fromId, toId, chatType, msgType, content } = message;
    const key = keyOf(message);
    if (isNotice(message)) return this.#showRevocation(key, id ?? message.messageId);
    if (this.#shown.has(key)) return undefined;
    if (id !== undefined) this.#shown.add(key);
    return this.#tell({ event: 'message', id, fromId, toId, chatType, msgType, content, headers });
  }

  #showRevocation(key, id) {
    if (this.#revoked.has(key)) return;
    this.#revoked.add(key);
    this.#shown.add(key); // should the message come after its revocation, nobody is to see it
    this.#tell({ event: 'revoked', id });
  }
}

function road({ url, token, transport }, SockJS) {
  const address = `${url}?token=${encodeURIComponent(token)}`;
  return transport === 'sockjs' ? { webSocketFactory: () => new SockJS(address) } : { brokerURL: address };
}

/** What `heart-beat` says in CONNECT; where nothing is asked for, stompjs has its own. */
function beats({ heartBeat }) {
  if (!heartBeat) return {};
  const [heartbeatOutgoing, heartbeatIncoming] = heartBeat.split(',').map(Number);
  return { heartbeatOutgoing, heartbeatIncoming };
}

function place({ group, destination }) {
  const named = group === undefined ? destination : `/topic/group/${group}`;
  if (typeof named !== 'string') throw new Error('neither group nor destination');
  return named;
}

/** A sync may bring several in one body. */
function messages(body) {
  if (Array.isArray(body)) return body;
  return Array.isArray(body?.messages) ? body.messages : [body];
}

/** Two users may give the same id to their messages. */
const keyOf = ({ fromId, id, messageId }) => JSON.stringify([fromId, id ?? messageId]);

const isNotice = ({ status, msgType }) => status === 'REVOKED' || msgType === 'REVOKED' || msgType === 'REVOKE';
