"""STOMP12-ERR-05 (SHOULD): the ERROR for a frame with `receipt` says which one by `receipt-id`. Artemis' does for SEND, not for SUBSCRIBE."""
from ws import Ws, verdict

errors = []
for frame in ("SEND\nreceipt:r-1\n\nx\0", "SUBSCRIBE\nid:1\nreceipt:r-1\n\n\0",
              "SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0SUBSCRIBE\nid:1\ndestination:/topic/b\nreceipt:r-1\n\n\0"):
    ws = Ws(port=61614).connect()
    ws.send(frame)
    errors.append(ws.next())
verdict("STOMP12-ERR-05", all(e.startswith("ERROR") for e in errors) and ["receipt-id:r-1" in e for e in errors] == [True, False, False],
        "ERROR without receipt-id")
