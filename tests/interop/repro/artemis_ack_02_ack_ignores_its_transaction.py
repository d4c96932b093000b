"""STOMP12-ACK-02 (SHOULD): an ACK with `transaction` is part of it. In Artemis it counts at once: after ABORT, and the end of the
connection, the message does not come again. Without the ACK it would."""
from ws import Ws, verdict

came = []
for ack in (True, False):
    queue, ws = f"/queue/ack-02-{ack}", Ws(port=61614).connect()
    ws.send(f"SUBSCRIBE\nid:1\ndestination:{queue}\nack:client-individual\nreceipt:r\n\n\0SEND\ndestination:{queue}\n\nx\0")
    message = [ws.next(), ws.next()][1]
    ws.send("BEGIN\ntransaction:t\n\n\0")
    if ack:
        ws.send(f"ACK\nid:{message.split(chr(10) + 'ack:')[1].split(chr(10))[0]}\ntransaction:t\n\n\0")
    ws.send("ABORT\ntransaction:t\nreceipt:a\n\n\0")
    ws.next()
    ws.tcp.close()
    ws = Ws(port=61614).connect()
    ws.send(f"SUBSCRIBE\nid:1\ndestination:{queue}\n\n\0")
    came.append(ws.next()[:7])
verdict("STOMP12-ACK-02", came == ["nothing", "MESSAGE"], "the ACK of an aborted transaction settles the message")
