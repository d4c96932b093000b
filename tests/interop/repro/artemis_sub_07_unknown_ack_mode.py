"""STOMP12-SUB-07: `ack` is auto, client or client-individual. Artemis takes any word, and waits for acknowledgements."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/sub-07\nack:foo\nreceipt:r\n\n\0")
receipt = ws.next()
ws.send("SEND\ndestination:/topic/sub-07\n\nx\0")
verdict("STOMP12-SUB-07", receipt.startswith("RECEIPT") and "\nack:" in ws.next(), "`ack:foo` is accepted; MESSAGE has an `ack`")
