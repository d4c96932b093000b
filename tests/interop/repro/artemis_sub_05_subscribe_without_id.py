"""STOMP12-SUB-05, MSG-04, STOMP11-SUB-01: SUBSCRIBE must have an `id`, and MESSAGE repeats it. Artemis takes one without, and makes a name up."""
from ws import Ws, verdict

there = []
for version in ("1.2", "1.1"):
    ws = Ws(version, port=61614).connect(version=version)
    ws.send("SUBSCRIBE\ndestination:/topic/sub-05\nreceipt:r\n\n\0")
    receipt = ws.next()
    ws.send("SEND\ndestination:/topic/sub-05\n\nx\0")
    there.append(receipt.startswith("RECEIPT") and "\nsubscription:subscription/sub-05\n" in ws.next())
    ws.tcp.close()
verdict("STOMP12-SUB-05", all(there), "accepted on 1.2 and 1.1, and MESSAGE names a subscription that nobody asked for")
