"""STOMP12-ERR-06 (SHOULD): an ERROR with a body has content-length and content-type. That for an unsupported version has no content-length."""
from ws import Ws, verdict

ws = Ws(port=61614)
ws.send("CONNECT\naccept-version:9.9\nhost:/\nlogin:stomp_1\npasscode:secret_1\n\n\0")
error = ws.next()
verdict("STOMP12-ERR-06", error.startswith("ERROR") and "\n\nSupported" in error and "content-length" not in error, "a body, and no content-length")
