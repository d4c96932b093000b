"""What Spring's simple broker does against STOMP 1.2 and the chat protocol, shown without our code.

usage: repro.py published|hardened|preserve-order [NAME ...]

Each function below is a deviation (docs/targets/spring.md); its frames are printed, and then whether it is there. The
server is the one that tests/interop/spring.sh starts. Those that are a race try until they see it, or so many times.
"""
import http.client, json, os, socket, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../interop/repro"))
from ws import Ws  # noqa: E402

PORTS = {"published": 18081, "hardened": 18082, "preserve-order": 18083}
TOKENS = {"alice": "sig-001-4f0d2c9b7a61", "bob": "sig-002-b83e5d1094fc", "carol": "sig-003-0a97c6e2d53b",
          "eve": "sig-010-97a2d05bc3f1"}
USERS = {"alice": "user_001", "bob": "user_002", "carol": "user_003", "eve": "user_010"}   # eve is in no group
QUEUE = "SUBSCRIBE\nid:0\ndestination:/user/queue/messages\n\n\0"
serial = 0


def opened(name):
    return Ws(f"{name} ", f"/ws/im?token={TOKENS[name]}", port=port)


def connect(name, *subscriptions, version="1.2"):
    ws = opened(name)
    ws.send(f"CONNECT\naccept-version:{version}\nhost:x\nheart-beat:0,0\nAuthorization:Bearer {TOKENS[name]}\n\n\0", quiet=True)
    assert ws.next(quiet=True).startswith("CONNECTED"), ws.seen
    for frame in subscriptions:
        ws.send(frame, quiet=True)
    ws.next(0.1, quiet=True)                            # SUBSCRIBE has no answer
    return ws


def chat(to, content, kind="SINGLE"):
    global serial
    serial += 1
    body = {"appId": "demo", "messageId": f"{os.getpid()}-{serial}", "toId": USERS.get(to, to), "chatType": kind,
            "msgType": "TEXT", "content": content}
    return f"SEND\ndestination:/app/chat.send\ncontent-type:application/json\n\n{json.dumps(body)}\0"


def hears(ws, text, seconds=0.5):
    """Whether a MESSAGE with this text comes before a silence of so many seconds."""
    while True:
        event = ws.next(seconds)
        if event.startswith("MESSAGE") and text in event:
            return True
        if event.startswith(("closed", "end of TCP", "nothing")):
            return False


def forge_user():
    """IM-SEND-14: SEND to /user/NAME/queue/messages is delivered as it is, in whose name one likes."""
    bob, eve = connect("bob", QUEUE), connect("eve")
    eve.send(f'SEND\ndestination:/user/{USERS["bob"]}/queue/messages\n\n{{"fromId":"user_001","content":"forged"}}\0')
    return hears(bob, "forged")


def forge_group():
    """IM-SEND-14: so is SEND to /topic/group/ID."""
    bob, eve = connect("bob", "SUBSCRIBE\nid:g\ndestination:/topic/group/trio\n\n\0"), connect("eve")
    eve.send('SEND\ndestination:/topic/group/trio\n\n{"fromId":"user_001","content":"forged"}\0')
    return hears(bob, "forged")


def eavesdrop():
    """IM-SUB-02: Ant patterns match the queues of others."""
    heard = []
    for pattern in ("/queue/messages-user*", "/queue/*", "/queue/**"):
        bob, eve, alice = connect("bob", QUEUE), connect("eve"), connect("alice")
        eve.send(f"SUBSCRIBE\nid:spy\ndestination:{pattern}\n\n\0")
        eve.next(0.2, quiet=True)
        alice.send(chat("bob", "for bob only"))
        heard.append(hears(eve, "for bob only"))
    return all(heard)


def outsider_listens():
    """IM-GROUP-07, -09: anybody may subscribe to a group, and to all groups by a pattern."""
    heard = []
    for destination in ("group/trio", "group/*", "group/**", "group/?*", "**"):
        alice, eve = connect("alice"), connect("eve")
        eve.send(f"SUBSCRIBE\nid:g\ndestination:/topic/{destination}\n\n\0")
        eve.next(0.2, quiet=True)
        alice.send(chat("trio", "among members", "GROUP"))
        heard.append(hears(eve, "among members"))
    return all(heard)


def error_without_body():
    """IM-AUTH-03: ERROR has the header message:Unauthorized, and no body."""
    eve = opened("eve")
    eve.send("CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer no-such-token\n\n\0")
    error = eve.next()
    return error.startswith("ERROR") and error.endswith("\n\n\0")


def no_common_version():
    """STOMP12-VER-05, IM-AUTH-07: no answer, and the session works all the same."""
    bob, eve = connect("bob", QUEUE), opened("eve")
    eve.send(f"CONNECT\naccept-version:9.9\nhost:x\nAuthorization:Bearer {TOKENS['eve']}\n\n\0")
    silent = eve.next() == "nothing"
    eve.send(chat("bob", "from nobody"))
    return silent and hears(bob, "from nobody")


def no_version():
    """STOMP12-VER-03: CONNECT without accept-version gets no answer."""
    eve = opened("eve")
    eve.send(f"CONNECT\nhost:x\nAuthorization:Bearer {TOKENS['eve']}\n\n\0")
    return eve.next() == "nothing"


def send_without_destination():
    """STOMP12-SEND-01: no answer."""
    eve = connect("eve")
    eve.send("SEND\n\nx\0")
    return eve.next() == "nothing"


def subscribe_without_destination():
    """STOMP12-SUB-01: no answer."""
    eve = connect("eve")
    eve.send("SUBSCRIBE\nid:1\n\n\0")
    return eve.next() == "nothing"


def refused_without_error():
    """STOMP12-SEND-07: nor is there one to a `receipt`, by ERROR or RECEIPT."""
    eve = connect("eve")
    eve.send("SEND\nreceipt:r\n\nx\0")
    return eve.next() == "nothing"


def one_codec():
    """STOMP11-ENC-02, -ENC-03, STOMP10-ENC-01, -ENC-02: 1.1 has no escape for CR, 1.0 has none at all; all are read and written as 1.2."""
    seen = []
    for version in ("1.1", "1.0"):
        new, old = connect("alice"), connect("bob", "SUBSCRIBE\nid:0\ndestination:/topic/codec\n\n\0", version=version)
        new.name, old.name = "1.2   ", version + "   "
        new.send("SEND\ndestination:/topic/codec\nk:a\\rb\\cc\\\\d\n\nx\0")
        seen.append("\nk:a\\rb\\cc\\\\d\n" in old.next())
        old.send("SEND\ndestination:/topic/codec\nk:a\\rb\n\ny\0")
        seen.append("\nk:a\\rb\n" in old.next())
        old.send("SEND\ndestination:/topic/codec\nk:a\rb\n\nz\0" if version == "1.1" else "SEND\ndestination:/topic/codec\nk:a\\b\n\nz\0")
        seen.append(old.next().startswith("ERROR"))
    return all(seen)


def no_content_type():
    """STOMP12-CTYPE-01, -MSG-06 (SHOULD): MESSAGE has no content-type where SEND had none."""
    bob = connect("bob", "SUBSCRIBE\nid:0\ndestination:/topic/plain\n\n\0")
    bob.send("SEND\ndestination:/topic/plain\n\nx\0")
    message = bob.next()
    return message.startswith("MESSAGE") and "content-type" not in message


def upgrade_in_capitals():
    """WS-HS-16: Connection is a list of tokens, compared without regard to case. `Upgrade` and `upgrade` are known, `UPGRADE` is not."""
    answers = []
    for word in ("Upgrade", "upgrade", "UPGRADE"):
        tcp = socket.create_connection(("127.0.0.1", port))
        tcp.sendall(f"GET /ws/im?token={TOKENS['eve']} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: {word}\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        answers.append(tcp.recv(4096).decode().replace("\r\n", "  "))
        print(f"eve   --> Connection: {word}\neve   <-- {answers[-1]}")
    return [answer[9:12] for answer in answers] == ["101", "101", "400"]


def lost_error():
    """STOMP12-LINGER-02 (a race): as long as a frame is on its way to the client, the ERROR behind it may get lost, and the close frame."""
    trials, seen = 3000, 0
    for _ in range(trials):
        eve = opened("eve")
        eve.send(f"CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer {TOKENS['eve']}\n\n\0", quiet=True)
        eve.next(quiet=True)
        eve.send("SEND\ndestination:/app/x\nx:a\\tb\n\n\0", quiet=True)
        lost = eve.next(3, quiet=True) == "end of TCP"
        if lost and not seen:
            for event in eve.seen:
                eve.say("<--", event)
        seen += lost
        eve.tcp.close()
    print(f"      {seen} of {trials}")
    return seen > 0


def ask(base, transport, body="", quiet=False):
    """One exchange with a SockJS session of eve's."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", f"{base}/{transport}?token={TOKENS['eve']}", body)
    answer = connection.getresponse()
    text = answer.read().decode()
    if not quiet:
        print(f"eve   --> POST …/{transport}  | {body}\neve   <-- {answer.status}  | {text.strip()}")
    return answer.status, text


def session(quiet=False):
    """The path of a new SockJS session, whose `o` has come."""
    global serial
    serial += 1
    base = f"/ws/im/000/{os.getpid()}-{serial}"
    ask(base, "xhr", quiet=quiet)
    return base


CONNECT = json.dumps([f"CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer {TOKENS['eve']}\n\n\0"])


def sockjs_words():
    """SOCKJS-XHR-03 (SHOULD): the words of the protocol's own tests are `Broken JSON encoding.` and `Payload expected.`"""
    base = session()
    return [ask(base, "xhr_send", body) for body in ('["x', "")] == [(500, "Failed to read message(s)")] * 2


def sockjs_cut_off():
    """SOCKJS-ABORT-01 (SHOULD): where a receiver was cut off, the session is over; here it goes on, with that receiver as if it were there."""
    base = session()
    ask(base, "xhr_send", CONNECT)
    ask(base, "xhr")
    tcp = socket.create_connection(("127.0.0.1", port))
    tcp.sendall(f"POST {base}/xhr?token={TOKENS['eve']} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
    time.sleep(0.1)                                     # it waits for a frame
    tcp.close()
    print("eve   --> POST …/xhr, and the end of TCP")
    time.sleep(0.1)
    return not ask(base, "xhr")[1].startswith(("o", "c[1002"))


def sockjs_same_id():
    """SOCKJS-WS-05: on its own entrance a WebSocket may have the session id of another; here the STOMP session has that id too."""
    answers = []
    for i in (1, 2):
        ws = Ws(f"eve {i} ", f"/ws/im/000/{os.getpid()}-same/websocket?token={TOKENS['eve']}", port=port)
        ws.next(quiet=True)                             # o
        ws.send(CONNECT)
        answers.append((ws, ws.next()))                 # both stay open
    return "CONNECTED" in answers[0][1] and answers[1][1].startswith('a["ERROR')


def sockjs_one_string():
    """SOCKJS-WS-07 (SHOULD): one message may come as a JSON string, without an array around it."""
    ws = Ws("eve ", f"/ws/im/000/{os.getpid()}-string/websocket?token={TOKENS['eve']}", port=port)
    ws.next()
    ws.send('"\\n"')
    return any(event.startswith("closed 1007") for event in ws.all())


def sockjs_sub_protocol():
    """SOCKJS-STOMP-02 (SHOULD): a WebSocket beneath SockJS carries SockJS, and no STOMP."""
    tcp = socket.create_connection(("127.0.0.1", port))
    tcp.sendall(f"GET /ws/im/000/{os.getpid()}-sub/websocket?token={TOKENS['eve']} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Protocol: v12.stomp\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode())
    head = tcp.recv(4096).split(b"\r\n\r\n")[0].decode()
    print(f"eve   --> Sec-WebSocket-Protocol: v12.stomp\neve   <-- " + head.replace("\r\n", "  "))
    return "v12.stomp" in head


def sockjs_lost_error():
    """SOCKJS-STOMP-03: polling, an ERROR comes before the end of its session. Here it is lost where no poll waits at that moment."""
    trials, seen = 100, 0
    for _ in range(trials):
        base = session(quiet=True)
        ask(base, "xhr_send", CONNECT, quiet=True)
        ask(base, "xhr", quiet=True)
        ask(base, "xhr_send", '["FOO\\n\\n\\u0000"]', quiet=True)
        seen += ask(base, "xhr", quiet=True)[1].startswith("c[")
    print(f"      {seen} of {trials}")
    return seen > 0


def message_behind_error():
    """STOMP12-ERR-02 (a race): between ERROR and the close another thread sends a MESSAGE."""
    trials, seen = 100, 0
    alice = connect_quick("alice")
    for _ in range(trials):
        eve = connect_quick("eve")
        eve.send("SEND\ndestination:/app/x\nx:a\\tb\n\n\0", quiet=True)
        alice.send(chat("eve", "too late"), quiet=True)
        while not eve.next(1, quiet=True).startswith(("closed", "end of TCP", "nothing")):
            pass
        at = [i for i, e in enumerate(eve.seen) if e.startswith("ERROR")]
        behind = bool(at) and any(e.startswith("MESSAGE") for e in eve.seen[at[0]:])
        if behind and not seen:
            for event in eve.seen:
                eve.say("<--", event)
        seen += behind
        eve.tcp.close()
    print(f"      {seen} of {trials}")
    return seen > 0


def connect_quick(name):
    """Subscribed, and known to be: a message to oneself has come."""
    ws = opened(name)
    ws.send(f"CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer {TOKENS[name]}\n\n\0", quiet=True)
    ws.next(quiet=True)
    ws.send(QUEUE, quiet=True)
    while "probe" not in ws.next(0.02, quiet=True):
        ws.send(chat(name, "probe"), quiet=True)
    while ws.next(0.02, quiet=True) != "nothing":
        pass
    ws.seen.clear()
    return ws


def order():
    """IM-SEND-06 (open; a race): two messages of one sender to one recipient overtake each other."""
    alice, bob = connect_quick("alice"), connect_quick("bob")
    trials, turned = 2000, 0
    for _ in range(trials):
        alice.send(chat("bob", "first"), quiet=True)
        alice.send(chat("bob", "second"), quiet=True)
        turned += '"second"' in bob.next(quiet=True)
        bob.next(quiet=True)
    print(f"      {turned} of {trials}")
    return turned > 0


def refusal_is_silent():
    """IM-AUTH-02, first trap of setPreserveReceiveOrder(true): an interceptor's exception is only logged."""
    eve = opened("eve")
    eve.send("CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer no-such-token\n\n\0")
    return eve.next() == "nothing"


def refused_can_send():
    """IM-AUTH-07, second trap: the refused session may SEND to the queues of others."""
    bob, eve = connect("bob", QUEUE), opened("eve")
    eve.send("CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer no-such-token\n\n\0")
    eve.next(0.3)
    try:
        eve.send(f'SEND\ndestination:/user/{USERS["bob"]}/queue/messages\n\n{{"fromId":"user_001","content":"forged"}}\0')
    except OSError:
        return False                                    # closed
    return hears(bob, "forged")


def one_session_of_two():
    """IM-SUB-07, third trap: of a user's two sessions one receives."""
    alice, phone, laptop = connect("alice"), connect("bob", QUEUE), connect("bob", QUEUE)
    phone.name, laptop.name = "phone ", "laptop "
    for i in range(5):
        alice.send(chat("bob", f"message {i}"))
    counts = [sum(event.startswith("MESSAGE") for event in ws.all(0.3)) for ws in (phone, laptop)]
    print("      phone and laptop received", counts)
    return counts != [5, 5]


ALL = [forge_user, forge_group, eavesdrop, outsider_listens, error_without_body, no_common_version, no_version,
       send_without_destination, refused_without_error, subscribe_without_destination, message_behind_error, lost_error, order,
       refusal_is_silent, refused_can_send, one_session_of_two, one_codec, no_content_type, upgrade_in_capitals, sockjs_words,
       sockjs_cut_off, sockjs_same_id, sockjs_one_string, sockjs_sub_protocol, sockjs_lost_error]

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PORTS:
        sys.exit(__doc__)
    port = PORTS[sys.argv[1]]
    found = {}
    for function in [f for f in ALL if not sys.argv[2:] or f.__name__ in sys.argv[2:]]:
        print(f"\n{function.__name__}: {function.__doc__}")
        found[function.__name__] = function()
    print()
    for name, there in found.items():
        print(f"{name:32}{'there' if there else '-'}")
