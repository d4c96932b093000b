"""STOMP12-CLEN-03: the NUL follows the octets that content-length counts. Artemis delivers what was counted, and skips the rest."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/clen-03\nreceipt:r\n\n\0")
ws.next()
ws.send("SEND\ndestination:/topic/clen-03\ncontent-length:3\n\nabcde\0")
cut = ws.next()
ws.send("SEND\ndestination:/topic/clen-03\n\nstill served\0")
verdict("STOMP12-CLEN-03", cut.endswith("\n\nabc\0\n") and "still served" in ws.next(), "`abc` of `abcde` is delivered, no ERROR")
