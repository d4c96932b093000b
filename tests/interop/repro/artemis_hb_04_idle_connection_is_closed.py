"""STOMP12-HB-04, HB-05: without heart-beats silence is no fault. Artemis ends the session after 60 s (takes a minute to see), for a
missing header and for 0,0. WebSocket pings do not help."""
import time

from ws import Ws, verdict

start, sessions = time.monotonic(), []
for beats in ("", "heart-beat:0,0\n"):
    ws = Ws(port=61614)
    ws.send(f"CONNECT\naccept-version:1.2\nhost:/\nlogin:stomp_1\npasscode:secret_1\n{beats}\n\0")
    ws.next()
    sessions.append(ws)
ends = [ws.next(75 - (time.monotonic() - start)) for ws in sessions]
verdict("STOMP12-HB-04", all(e.startswith("ERROR\nmessage:AMQ229014") for e in ends), f"ERROR after {time.monotonic() - start:.1f} s of silence")
