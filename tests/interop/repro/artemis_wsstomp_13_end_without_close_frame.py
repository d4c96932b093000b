"""WSSTOMP-13 (no standard text; a SHOULD of ours): behind ERROR a close frame tells a browser that the end was meant. Artemis ends TCP."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SEND\ndestination:/topic/a\nx:a\\tb\n\nx\0")
verdict("WSSTOMP-13", ws.next().startswith("ERROR") and ws.next() == "end of TCP", "no close frame behind ERROR")
