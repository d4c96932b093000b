"""WS-FR-13: a text message is UTF-8. A body that is not, sent in a binary message, comes back in a *text* message: every
correct WebSocket client ends the connection with 1007. (RabbitMQ's option `web_stomp.ws_frame = binary` avoids it.)"""
from ws import Ws, verdict

ws = Ws().connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/ws-fr-13\nreceipt:r\n\n\0")
ws.next()
ws.send(b"SEND\ndestination:/topic/ws-fr-13\ncontent-length:2\n\n\xff\xfe\0", opcode=2)
message = ws.next()
verdict("WS-FR-13", ws.opcode == 1 and "\n\n\\xff\\xfe" in message, "a text message that is not UTF-8")
