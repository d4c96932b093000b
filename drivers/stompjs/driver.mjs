// A driver for @stomp/stompjs on Node: the contract is docs/drivers.md.
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { Chat } from './chat.mjs';
import { serve, tell } from './contract.mjs';

// stompjs says there what it caught; our standard output is for events.
console.log = console.error;
// As its documentation has it: stompjs takes the global one.
globalThis.WebSocket = WebSocket;

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

await serve('@stomp/stompjs', dependencies['@stomp/stompjs'], async (settings) => {
  // Loaded where it is asked for only: it takes as long as all the rest.
  const SockJS = settings.transport === 'sockjs' ? (await import('sockjs-client')).default : undefined;
  const chat = new Chat(settings, SockJS, tell);
  chat.start();
  return chat;
});
