"""STOMP12-HB-04: with 0,0 no heart-beats are due, so silence is no fault. RabbitMQ closes after 60 s (takes a minute to see)."""
import time

from ws import Ws, verdict

ws = Ws().connect()
start = time.monotonic()
event = ws.next(75)
verdict("STOMP12-HB-04", event == "closed 1000", f"closed after {time.monotonic() - start:.1f} s without a frame")
