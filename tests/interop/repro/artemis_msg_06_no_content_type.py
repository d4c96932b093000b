"""STOMP12-MSG-06 (SHOULD): a MESSAGE with a body has content-length and content-type. Artemis adds no content-type where SEND had none."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/msg-06\nreceipt:r\n\n\0")
ws.next()
ws.send("SEND\ndestination:/topic/msg-06\n\nx\0")
message = ws.next()
verdict("STOMP12-MSG-06", "\ncontent-length:1\n" in message and "content-type" not in message, "MESSAGE without content-type")
