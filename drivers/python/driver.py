"""A driver (docs/drivers.md) around the package `websockets`, with STOMP by hand. Needs Python 3.11."""
import asyncio
import json
import os
import random
import sys
import time
import uuid
from urllib.parse import quote, urlsplit

import websockets

import stomp

CAN = ["send", "revoke", "sync", "group", "disconnect", "receipt", "ack", "transaction", "headers", "heart-beat", "reconnect",
       "restart"]
MEMBERS = ["id", "fromId", "toId", "chatType", "msgType", "content"]
PERSONAL = "/user/queue/messages"
PATIENCE = 5  # seconds for CONNECTED
PARTING = 3  # seconds for the RECEIPT of DISCONNECT
LAST_CHANCE = 2  # seconds that `quit` gives to commands that wait for a connection
LONGEST_DELAY = 30
STABLE = 10  # seconds; a connection that ends earlier does not make the next delay short again


class ErrorFrame(Exception):
    """The server sent ERROR: the connection is not to be used any more."""


class Unauthorized(Exception):
    """The token is no good, and will not be better next time."""


def tell(event, **members):
    """One event, one line. In ASCII, as a text may have halves of surrogate pairs, which UTF-8 cannot say."""
    print(json.dumps({"event": event, **members}, allow_nan=False), flush=True)


def parse_json(octets):
    try:
        return json.loads(octets.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from None


class Connection:
    """A WebSocket that speaks STOMP. Frames in, frames out, and beats where they were agreed."""

    def __init__(self, ws):
        self.ws = ws
        self.decoder = stomp.Decoder()
        self.version = stomp.LATEST
        self.silence = PATIENCE  # how long the server may say nothing; None for ever
        self.beating = None
        self.open_for_frames = True

    async def send(self, command, headers, body=b""):
        if not self.open_for_frames:
            raise ValueError("the connection is being left")
        octets = stomp.encode(stomp.Frame(command, headers, body), self.version)
        if command == "DISCONNECT":
            self.say_no_more()
        await self.ws.send(octets, text=True)

    def say_no_more(self):
        self.open_for_frames = False
        if self.beating:
            self.beating.cancel()

    async def receive(self):
        """The next frame; ERROR is raised."""
        while (frame := self.decoder.next_frame()) is None:
            try:
                async with asyncio.timeout(self.silence):
                    self.decoder.feed(await self.ws.recv(decode=False))
            except TimeoutError:
                raise TimeoutError(f"the server was silent for {self.silence} s") from None
        if frame.command == "ERROR":
            self.say_no_more()
            raise_error(frame)
        return frame

    async def log_in(self, host, token, offer):
        await self.send("CONNECT", {"accept-version": ",".join(stomp.VERSIONS), "host": host, "heart-beat": offer,
                                    "Authorization": f"Bearer {token}"})
        frame = await self.receive()
        version = frame.headers.get("version", "1.0")
        if frame.command != "CONNECTED" or version not in stomp.VERSIONS:
            raise stomp.Malformed(f"not CONNECTED with a version that was offered: {frame.command} {frame.headers}")
        self.version = self.decoder.version = version
        self.agree_on_beats(beats(offer), beats(frame.headers.get("heart-beat", "0,0")))

    def agree_on_beats(self, ours, theirs):
        sending, receiving = agreed(ours[0], theirs[1]), agreed(theirs[0], ours[1])
        self.silence = receiving * 2 or None
        if sending:
            self.beating = asyncio.create_task(self.beat(sending / 2))

    async def beat(self, interval):
        while True:
            await asyncio.sleep(interval)
            try:
                await self.ws.send(stomp.BEAT, text=True)
            except websockets.ConnectionClosed:
                return  # whoever receives is told so as well

    async def close(self):
        """Closes, and returns the code of the close."""
        self.say_no_more()
        await self.ws.close()
        return self.ws.close_code


def raise_error(frame):
    message = frame.headers.get("message") or frame.body.decode(errors="replace")
    raise Unauthorized(message) if message == "Unauthorized" else ErrorFrame(message)


def beats(text):
    try:
        first, second = map(int, text.split(","))
        return first, second
    except ValueError:
        raise stomp.Malformed(f"heart-beat is {text!r}") from None


def agreed(giver, wanter):
    """The interval in seconds, 0 for none."""
    return max(giver, wanter) / 1000 if giver and wanter else 0


class Inbox:
    """What the user is shown: everything once, whatever the server repeats after a sync."""

    def __init__(self):
        self.shown = set()
        self.revoked = set()

    def open(self, frame):
        try:
            for message in messages_in(parse_json(frame.body)):
                self.show(message, frame.headers)
        except ValueError as error:
            tell("error", message=f"a message that cannot be shown: {error}")

    def show(self, message, headers):
        if message.get("status") == "REVOKED" or message.get("msgType") in ("REVOKED", "REVOKE"):
            return self.revoke(message)
        key = key_of(message)
        # A revoked message may come late, where a server does not keep the order.
        if key is not None and (key in self.shown or key in self.revoked):
            return
        members = {name: message[name] for name in MEMBERS if name in message}
        tell("message", **members, headers=headers)
        self.shown.add(key)

    def revoke(self, notice):
        key = key_of(notice)
        if key is None or key not in self.revoked:
            tell("revoked", id=notice.get("id", notice.get("messageId")))
            self.revoked.add(key)


def messages_in(body):
    """A sync may be answered by one MESSAGE with all there is."""
    if isinstance(body, dict) and isinstance(body.get("messages"), list):
        body = body["messages"]
    messages = body if isinstance(body, list) else [body]
    if not all(isinstance(message, dict) for message in messages):
        raise ValueError("not a JSON object")
    return messages


def key_of(message):
    """Two users may give the same id to their messages."""
    message_id = message.get("id", message.get("messageId"))
    return None if message_id is None else json.dumps([message.get("fromId"), message_id])


class Client:
    """Stays connected until it is told to leave, and does what its user wants."""

    def __init__(self, environment):
        self.url, self.token, self.app = (environment[f"STOMPLIANCE_{name}"] for name in ("URL", "TOKEN", "APP_ID"))
        self.offer = environment.get("STOMPLIANCE_HEART_BEAT", "0,0")
        self.inbox = Inbox()
        self.connection = None
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()  # never to come back
        self.been_here = False
        self.numbers = iter(range(sys.maxsize))
        self.subscriptions = {}  # destination: (id, ack)
        self.receipts = set()
        self.goodbye = None  # the receipt of DISCONNECT
        self.parted = False
        self.add_subscription(PERSONAL, "auto")
        self.staying = asyncio.create_task(self.stay())

    # Staying connected

    async def stay(self):
        delay = 1
        while not self.stopped.is_set():
            began = time.monotonic()
            await self.one_session()
            if time.monotonic() - began > STABLE:
                delay = 1
            await self.wait_before_next(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def wait_before_next(self, delay):
        # The first from 0 to 1 s, the next ones between half of the delay and all of it: many clients that were
        # cut off at once shall not come back at once.
        shortest = 0 if delay == 1 else delay / 2
        try:
            await asyncio.wait_for(self.stopped.wait(), random.uniform(shortest, delay))
        except TimeoutError:
            pass

    async def one_session(self):
        try:
            await self.talk()
        except Unauthorized as error:
            self.stopped.set()
            tell("error", message=str(error))
        except ErrorFrame as error:
            tell("error", message=str(error))
        except websockets.ConnectionClosed:
            pass  # told by `closed`
        except (OSError, TimeoutError, websockets.WebSocketException, stomp.Malformed) as error:
            tell("error", message=f"{type(error).__name__}: {error}")
        finally:
            await self.hang_up()

    async def talk(self):
        self.connection = Connection(await self.open_socket())
        await self.connection.log_in(urlsplit(self.url).hostname, self.token, self.offer)
        for destination in self.subscriptions:
            await self.send_subscribe(destination)
        tell("connected")
        if self.been_here:
            await self.sync()
        self.been_here = True
        self.ready.set()
        while not self.parted:
            await self.take(await self.connection.receive())

    async def open_socket(self):
        try:
            return await websockets.connect(f"{self.url}?token={quote(self.token, safe='')}", subprotocols=["v12.stomp"],
                                            open_timeout=PATIENCE, close_timeout=2, proxy=None)
        except websockets.InvalidStatus as refused:
            if refused.response.status_code == 401:
                raise Unauthorized("Unauthorized") from None
            raise

    async def hang_up(self):
        self.ready.clear()
        connection, self.connection = self.connection, None
        if connection:
            tell("closed", code=await connection.close())
        for receipt in self.receipts:
            tell("error", message=f"the connection ended before the receipt {receipt}")
        self.receipts.clear()

    # What comes

    async def take(self, frame):
        if frame.command == "MESSAGE":
            await self.take_message(frame)
        elif frame.command == "RECEIPT":
            self.take_receipt(frame.headers.get("receipt-id"))
        else:
            print(f"left alone: {frame}", file=sys.stderr)

    async def take_message(self, frame):
        ack = self.ack_mode(frame.headers.get("subscription"))
        if ack is None:
            print(f"of no subscription, perhaps no longer: {frame.headers}", file=sys.stderr)
            return
        self.inbox.open(frame)
        if ack != "auto":
            await self.acknowledge(frame.headers)

    async def acknowledge(self, message):
        names = stomp.ACKNOWLEDGED[self.connection.version]
        missing = [name for name in names.values() if name not in message]
        if missing:
            tell("error", message=f"a message that wants to be acknowledged has no header {missing[0]}")
        elif self.connection.open_for_frames:  # behind DISCONNECT it is too late: it will come again
            await self.connection.send("ACK", {name: message[of] for name, of in names.items()})

    def ack_mode(self, subscription):
        if subscription is None:
            return "auto"  # as in the sample of the dialect's document
        return next((ack for known, ack in self.subscriptions.values() if known == subscription), None)

    def take_receipt(self, receipt):
        if receipt == self.goodbye:
            self.parted = True
        elif receipt in self.receipts:
            self.receipts.remove(receipt)
            tell("receipt", id=receipt)

    # What its user wants

    async def do(self, command):
        """One command, once there is a connection."""
        try:
            await self.connected()
            await self.COMMANDS[command["do"]](self, command)
        except (ValueError, TypeError, LookupError, AttributeError, websockets.ConnectionClosed) as error:
            tell("error", message=f"cannot do {json.dumps(command)}: {type(error).__name__}: {error}")

    async def connected(self):
        waiting = [asyncio.create_task(event.wait()) for event in (self.ready, self.stopped)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if not self.ready.is_set():
            raise ValueError("not connected, and never again")

    async def send(self, command):
        body = {"appId": self.app, "messageId": command.get("messageId", str(uuid.uuid4())), "toId": command["to"],
                "chatType": command.get("chatType", "SINGLE"), "msgType": command.get("msgType", "TEXT"),
                "content": command["content"]}
        headers = {name: command[name] for name in ("receipt", "transaction") if name in command}
        if "receipt" in headers:
            self.receipts.add(headers["receipt"])
        await self.send_json("send", body, {**command.get("headers", {}), **headers})

    async def revoke(self, command):
        await self.send_json("revoke", {"appId": self.app, "messageId": command["messageId"]})

    async def sync(self, _command=None):
        await self.send_json("sync", {"appId": self.app})

    async def send_json(self, verb, body, headers=None):
        headers = {**(headers or {}), "destination": f"/app/chat.{verb}", "content-type": "application/json"}
        await self.connection.send("SEND", headers, json.dumps(body, ensure_ascii=False).encode())

    async def subscribe(self, command):
        destination = destination_of(command)
        if destination in self.subscriptions:
            raise ValueError("subscribed already")
        self.add_subscription(destination, command.get("ack", "auto"))
        await self.send_subscribe(destination)

    def add_subscription(self, destination, ack):
        self.subscriptions[destination] = (f"sub-{next(self.numbers)}", ack)

    async def send_subscribe(self, destination):
        subscription, ack = self.subscriptions[destination]
        await self.connection.send("SUBSCRIBE", {"id": subscription, "destination": destination, "ack": ack})

    async def unsubscribe(self, command):
        subscription, _ = self.subscriptions.pop(destination_of(command))
        await self.connection.send("UNSUBSCRIBE", {"id": subscription})

    async def transaction(self, command):
        await self.connection.send(command["do"].upper(), {"transaction": command["transaction"]})

    async def disconnect(self, _command=None):
        """Leaves in an orderly way where there is a connection, and does not come back."""
        self.stopped.set()
        if self.ready.is_set():
            await self.part()
        self.staying.cancel()
        await asyncio.wait([self.staying])

    def drop(self):
        """Ends at once, as with the program: no goodbye, and nothing is told any more."""
        self.stopped.set()
        self.receipts.clear()
        connection, self.connection = self.connection, None
        if connection:
            connection.ws.transport.abort()

    async def part(self):
        self.goodbye = str(uuid.uuid4())
        await self.connection.send("DISCONNECT", {"receipt": self.goodbye})
        await asyncio.wait([self.staying], timeout=PARTING)
        if not self.staying.done():
            tell("error", message="no RECEIPT of DISCONNECT")

    COMMANDS = {"send": send, "revoke": revoke, "sync": sync, "subscribe": subscribe, "unsubscribe": unsubscribe,
                "begin": transaction, "commit": transaction, "abort": transaction, "disconnect": disconnect}


def destination_of(command):
    return f"/topic/group/{command['group']}" if "group" in command else command["destination"]


async def read_commands(queue):
    """Puts commands into the queue until `quit`, `drop` or the end of the input, and returns which."""
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        try:
            command = parse_json(line)
        except ValueError as error:
            tell("error", message=f"a command that is {error}")
            continue
        if not isinstance(command, dict) or not isinstance(command.get("do"), str):
            tell("error", message="a command that says nothing to do")
        elif command["do"] in ("quit", "drop"):
            return command["do"]
        else:
            queue.put_nowait(command)
    return "quit"


async def do_commands(client, queue):
    while True:
        await client.do(await queue.get())
        queue.task_done()


async def live(environment):
    """One client, until it is to end. What is left of it ends with this loop."""
    client, queue = Client(environment), asyncio.Queue()
    doing = asyncio.create_task(do_commands(client, queue))
    if await read_commands(queue) == "drop":
        return client.drop()
    try:
        await asyncio.wait_for(queue.join(), LAST_CHANCE)
    except TimeoutError:
        tell("error", message="commands are left undone: there was no connection for them")
    doing.cancel()
    await client.disconnect()


def next_environment():
    """That of the next client; none at the end of the input."""
    for line in iter(sys.stdin.buffer.readline, b""):
        command = parse_json(line)
        if command["do"] == "restart":
            return command["environment"]
    return None


def main():
    environment = os.environ
    while environment:
        tell_hello()
        asyncio.run(live(environment))
        if os.environ.get("STOMPLIANCE_RESTART") != "1":
            break
        tell("over")
        environment = next_environment()


def tell_hello():
    print(json.dumps({"hello": 1, "name": "websockets", "version": websockets.__version__, "can": CAN}), flush=True)


if __name__ == "__main__":
    main()
