"""STOMP12-SUB-05, MSG-04: SUBSCRIBE must have an `id`, and MESSAGE repeats it. Artemis takes one without, and makes a name up."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\ndestination:/topic/sub-05\nreceipt:r\n\n\0")
receipt = ws.next()
ws.send("SEND\ndestination:/topic/sub-05\n\nx\0")
verdict("STOMP12-SUB-05", receipt.startswith("RECEIPT") and "\nsubscription:subscription/sub-05\n" in ws.next(),
        "accepted on 1.2, and MESSAGE names a subscription that nobody asked for")
