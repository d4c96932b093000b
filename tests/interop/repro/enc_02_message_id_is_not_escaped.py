"""STOMP12-ENC-02, -06: every header of MESSAGE is escaped. RabbitMQ builds `message-id` and `ack` from the subscription's id
without escaping it, so that a colon stands raw and `\ ` is an undefined escape. Sent back as they came, they end the session."""
from ws import Ws, verdict

ws = Ws().connect()
ws.send("SUBSCRIBE\nid:a\\cb\\\\ c\ndestination:/topic/enc-02\nack:client\nreceipt:r\n\n\0")
ws.next()
ws.send("SEND\ndestination:/topic/enc-02\n\nx\0")
message = ws.next()
ack = message.split("\nack:")[1].split("\n")[0]
ws.send(f"ACK\nid:{ack}\nreceipt:k\n\n\0")
verdict("STOMP12-ENC-02", ack.startswith("T_a:b\\ c@@") and ws.next().startswith("closed 1007"), "raw `:` and `\\ ` in `ack`")
