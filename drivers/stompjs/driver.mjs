// A driver for @stomp/stompjs on Node: the contract is docs/drivers.md.
import { readFileSync } from 'node:fs';
import SockJS from 'sockjs-client';
import { WebSocket } from 'ws';
import { Chat } from './chat.mjs';
import { greet, obey, settings, tell } from './contract.mjs';

// stompjs says there what it caught; our standard output is for events.
console.log = console.error;
// As its documentation has it: stompjs takes the global one.
globalThis.WebSocket = WebSocket;

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const chat = new Chat(settings(), SockJS, tell);
greet('@stomp/stompjs', dependencies['@stomp/stompjs']);
chat.start();
await obey((line) => chat.take(line));
await chat.quit();
process.stdout.write('', () => process.exit(0)); // once all has been told
