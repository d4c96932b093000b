"""STOMP12-ENC-01, WS-FR-13: headers are UTF-8. Sent in a binary message, others are accepted, and RabbitMQ then sends
them on inside a WebSocket *text* message, which every correct WebSocket client must refuse with 1007."""
from ws import Ws, verdict

ws = Ws().connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/enc-01\nreceipt:r\n\n\0")
ws.next()
ws.send(b"SEND\ndestination:/topic/enc-01\nx:\xff\n\nbody\0", opcode=2)
verdict("STOMP12-ENC-01", "x:\\xff\n" in ws.next(), "the octet ff comes back in a header of a text message")
