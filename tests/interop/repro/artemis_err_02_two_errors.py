"""STOMP12-ERR-02: the connection is closed just after ERROR. Artemis works off what came behind the frame, and sends a second ERROR."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("UNSUBSCRIBE\nid:none\n\n\0UNSUBSCRIBE\nid:none\n\n\0")
came = [event.split("\n")[0] for event in ws.all()]
verdict("STOMP12-ERR-02", came.count("ERROR") == 2, "two ERRORs, then the end of TCP")
