"""WS-FR-13, STOMP12-ENC-01: a text message that is not UTF-8 ends the connection, and headers are UTF-8. Artemis looks at neither;
what it cannot decode comes back as U+FFFD."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/ws-fr-13\nreceipt:r\n\n\0")
ws.next()
ws.send(b"SEND\ndestination:/topic/ws-fr-13\nx:\xff\ncontent-length:2\n\n\xc0\xaf\0")  # as text
ws.next()
verdict("WS-FR-13", b"\nx:\xef\xbf\xbd\n" in ws.stream and ws.stream.endswith(b"\xc0\xaf\0\n"), "accepted; in a header ff becomes U+FFFD")
