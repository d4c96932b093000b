"""STOMP12-SEND-07, RCPT-01: a SEND in a transaction that was never begun cannot be processed. Artemis gives its RECEIPT, keeps it, and
refuses the COMMIT; with a BEGIN *after* the SEND the COMMIT delivers it. Without one it is lost."""
from ws import Ws, verdict

reader, ws = Ws("reader", port=61614).connect(2), Ws("sender", port=61614).connect()
reader.send("SUBSCRIBE\nid:1\ndestination:/topic/send-07\nreceipt:r\n\n\0")
reader.next()
ws.send("SEND\ndestination:/topic/send-07\ntransaction:never-begun\nreceipt:s\n\nlost\0")
receipt, silence = ws.next(), reader.next(1)
ws.send("COMMIT\ntransaction:never-begun\nreceipt:c\n\n\0")
verdict("STOMP12-SEND-07", receipt.startswith("RECEIPT") and silence == "nothing" and ws.next().startswith("ERROR") and reader.next(1) == "nothing",
        "RECEIPT, and the message is lost")
