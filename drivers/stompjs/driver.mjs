// A driver for @stomp/stompjs on Node: the contract is docs/drivers.md.
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { Chat } from './chat.mjs';
import { greet, obey, settings, tell } from './contract.mjs';

// stompjs says there what it caught; our standard output is for events.
console.log = console.error;
// As its documentation has it: stompjs takes the global one.
globalThis.WebSocket = WebSocket;

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const given = settings();
greet('@stomp/stompjs', dependencies['@stomp/stompjs']);
// Loaded where it is asked for only: a driver is started once for each case.
const SockJS = given.transport === 'sockjs' ? (await import('sockjs-client')).default : undefined;
const chat = new Chat(given, SockJS, tell);
chat.start();
await obey((line) => chat.take(line));
await chat.quit();
process.stdout.write('', () => process.exit(0)); // once all has been told
