"""STOMP12-ENC-05: a backslash that begins no defined escape is a fatal error. At the end of a line Artemis drops it; others it refuses."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/enc-05\nreceipt:r\n\n\0")
ws.next()
ws.send("SEND\ndestination:/topic/enc-05\nx:ab\\\n\nx\0")
message = ws.next()
ws.send("SEND\ndestination:/topic/enc-05\nx:a\\tb\n\nx\0")
verdict("STOMP12-ENC-05", message.startswith("MESSAGE") and "\nx:ab\n" in message and ws.next().startswith("ERROR"), "delivered as `x:ab`")
