"""STOMP11-REP-01 (SHOULD): of repeated headers only the first counts. On 1.1 Artemis takes the last, on 1.2 the first."""
from ws import Ws, verdict

reader, came = Ws("reader", port=61614).connect(2), []
for id in "ab":
    reader.send(f"SUBSCRIBE\nid:{id}\ndestination:/topic/v11-rep-{id}\nreceipt:r\n\n\0")
    reader.next()
for version in ("1.1", "1.2"):
    ws = Ws(version, port=61614).connect(version=version)
    ws.send("SEND\ndestination:/topic/v11-rep-a\ndestination:/topic/v11-rep-b\n\nx\0")
    came.append(reader.next().split("subscription:")[1][0])
verdict("STOMP11-REP-01", came == ["b", "a"], "on 1.1 the message goes to the second destination")
