"""Two clients on a server that speaks the dialect, in plain Python: `websockets`, and STOMP by hand in a few lines.

usage: client.py URL --app APP --group ID --account alice=USER:TOKEN --account bob=USER:TOKEN
(the flags of `stompliance run`; both accounts are members of the group). Exits 0 when everything was as it must be.
"""
import argparse
import asyncio
import json
import re
import sys
import time
import uuid

import websockets

PATIENCE = 10  # seconds, spent only on what is about to fail
PERSONAL = "/user/queue/messages"
ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", ":": "\\c"}
UNESCAPES = {escape: text for text, escape in ESCAPES.items()}


class InVain(AssertionError):
    """What had to come did not come, and the connection is still there."""


def frame(command, headers, body=b""):
    escape = (lambda text: text) if command == "CONNECT" else lambda text: "".join(ESCAPES.get(c, c) for c in text)
    if body:
        headers = {**headers, "content-length": str(len(body))}
    lines = "".join(f"{escape(name)}:{escape(value)}\n" for name, value in headers.items())
    return f"{command}\n{lines}\n".encode() + body + b"\0"


def unescape(text):
    return re.sub(r"\\.", lambda escape: UNESCAPES[escape[0]], text)


def parse(octets):
    """One whole frame: what this server puts into a WebSocket message."""
    head, body = octets.split(b"\n\n", 1)
    command, *lines = head.decode().split("\n")
    headers = {}
    for line in lines:
        name, value = line.split(":", 1) if command == "CONNECTED" else map(unescape, line.split(":", 1))
        headers.setdefault(name, value)
    end = int(headers.get("content-length", body.index(b"\0")))
    assert body[end:].strip(b"\r\n") == b"\0", f"one frame, ended by NUL: {octets!r}"
    return command, headers, body[:end]


class Session:
    """A connected user; messages are taken by what they are, others are left for later."""

    async def connect(self, account, token=None):
        self.name, self.user, self.inbox = account["name"], account["user"], []
        token = token or account["token"]
        self.ws = await websockets.connect(f"{options.url}?token={token}", subprotocols=["v12.stomp"], open_timeout=PATIENCE)
        await self.send("CONNECT", {"accept-version": "1.2", "heart-beat": "0,0", "host": options.url.split("/")[2],
                                    "Authorization": f"Bearer {token}"})
        _, headers, _ = await self.receive("CONNECTED", lambda command, *_: command == "CONNECTED")
        assert headers["version"] == "1.2", headers
        return self

    async def send(self, command, headers, body=b""):
        octets = frame(command, headers, body)
        await self.ws.send(octets.decode())  # as text

    async def settled(self, command, headers, body=b""):
        receipt = str(uuid.uuid4())
        await self.send(command, {**headers, "receipt": receipt}, body)
        await self.receive(f"RECEIPT of {command}", lambda c, h, _: c == "RECEIPT" and h["receipt-id"] == receipt)

    async def subscribe(self, destination):
        await self.settled("SUBSCRIBE", {"id": str(uuid.uuid4()), "destination": destination})

    async def app(self, verb, **body):
        body = json.dumps({"appId": options.app, **body}).encode()
        await self.send("SEND", {"destination": f"/app/chat.{verb}", "content-type": "application/json"}, body)

    async def say(self, to, content, chat="SINGLE"):
        message_id, content = str(uuid.uuid4()), f"{content} {uuid.uuid4()}"
        await self.app("send", messageId=message_id, toId=to, chatType=chat, msgType="TEXT", content=content)
        return message_id, content

    async def receive(self, what, fits):
        """The next frame that fits."""
        async def wait():
            while not any(fits(*seen) for seen in self.inbox):
                octets = await self.ws.recv()
                octets = octets.encode() if isinstance(octets, str) else octets
                if octets.strip(b"\r\n"):
                    self.inbox.append(parse(octets.lstrip(b"\r\n")))
        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except TimeoutError:
            raise InVain(f"{self.name} waited {PATIENCE} s in vain for {what}; inbox: {self.inbox}") from None
        except websockets.ConnectionClosed as closed:
            raise AssertionError(f"{self.name} waited for {what}: {closed}; inbox: {self.inbox}") from None
        found = next(seen for seen in self.inbox if fits(*seen))
        self.inbox.remove(found)
        return found

    async def message(self, what, fits):
        """The next MESSAGE of the dialect that fits, its headers and its JSON."""
        _, headers, body = await self.receive(what, lambda c, _, body: c == "MESSAGE" and fits(json.loads(body)))
        return headers, json.loads(body)

    async def leave(self):
        await self.settled("DISCONNECT", {})
        await self.ws.close()


def saying(content):
    return lambda message: message.get("content") == content


async def send_and_answer(alice, bob):
    _, content = await alice.say(bob.user, "grüß dich, 你好 😀 \"\\\n\u2028")
    headers, message = await bob.message("the message", saying(content))
    assert headers["destination"] == PERSONAL and headers["subscription"] and headers["message-id"], headers
    assert isinstance(message.pop("id"), str) and abs(message.pop("createdAt") - time.time() * 1000) < 600_000
    assert message == {"fromId": alice.user, "toId": bob.user, "chatType": "SINGLE", "msgType": "TEXT",
                       "content": content, "status": "SENT"}, message
    _, content = await bob.say(alice.user, "answer")
    assert (await alice.message("the answer", saying(content)))[1]["fromId"] == bob.user


async def revoke(alice, bob):
    message_id, content = await alice.say(bob.user, "slip of the tongue")
    _, message = await bob.message("the message", saying(content))
    await alice.app("revoke", messageId=message_id)
    _, notice = await bob.message("the notice", lambda m: "REVOKE" in f"{m.get('status')} {m.get('msgType')}")
    assert message["id"] in (notice.get("id"), notice.get("messageId")), notice
    assert content not in json.dumps(notice, ensure_ascii=False), notice


async def sync(alice, bob):
    await bob.leave()
    _, content = await alice.say(bob.user, "while you were out")
    await bob.connect(accounts["bob"])
    await bob.subscribe(PERSONAL)
    await bob.app("sync")
    await bob.message("what was sent while offline", saying(content))
    _, live = await alice.say(bob.user, "and now live")  # behind it nothing of before can come
    await bob.message("a live message", saying(live))
    assert not any(content.encode() in body for _, _, body in bob.inbox), "no second copy"


async def group(alice, bob):
    destination = f"/topic/group/{options.group}"
    await asyncio.gather(alice.subscribe(destination), bob.subscribe(destination))
    _, content = await alice.say(options.group, "to all", "GROUP")
    headers, message = await bob.message("the group message", saying(content))
    assert headers["destination"] == destination, headers
    assert (message["fromId"], message["toId"], message["chatType"]) == (alice.user, options.group, "GROUP"), message


async def awkward_headers(alice, bob):
    topic, value = f"/topic/interop-{uuid.uuid4()}", "a:b\\ \r\n c"
    await bob.subscribe(topic)
    await alice.send("SEND", {"destination": topic, "awkward": value}, "nul\0inside ä".encode())
    _, headers, body = await bob.receive("the message", lambda c, h, _: h.get("destination") == topic)
    assert headers["awkward"] == value and body == "nul\0inside ä".encode(), (headers, body)


async def unknown_token(alice, bob):
    try:
        await Session().connect(accounts["alice"], token="no-such-token")
    except InVain:
        raise
    except (websockets.WebSocketException, AssertionError):
        return  # by an HTTP status, or by a close
    raise AssertionError("an unknown token was accepted")


async def main():
    alice, bob = [await Session().connect(accounts[name]) for name in ("alice", "bob")]
    await asyncio.gather(alice.subscribe(PERSONAL), bob.subscribe(PERSONAL))
    for check in (send_and_answer, revoke, sync, group, awkward_headers, unknown_token):
        await check(alice, bob)
        print(f"ok    {check.__name__}")
    await alice.leave()
    await bob.leave()


arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
arguments.add_argument("url")
arguments.add_argument("--app", required=True)
arguments.add_argument("--group", required=True)
arguments.add_argument("--account", action="append", required=True)
options = arguments.parse_args()
accounts = {}
for text in options.account:
    name, rest = text.split("=", 1)
    user, token = rest.split(":", 1)
    accounts[name] = {"name": name, "user": user, "token": token}
try:
    asyncio.run(main())
except (AssertionError, LookupError, OSError, ValueError, websockets.WebSocketException) as error:
    sys.exit(f"FAIL  {type(error).__name__}: {error}")
