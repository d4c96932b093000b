"""STOMP12-FRAME-08: a header has a name. Artemis takes `:v`, and sends `:v` on in MESSAGE."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/frame-08\nreceipt:r\n\n\0")
ws.next()
ws.send("SEND\ndestination:/topic/frame-08\n:v\n\nx\0")
verdict("STOMP12-FRAME-08", "\n:v\n" in ws.next(), "MESSAGE has a header line without a name")
