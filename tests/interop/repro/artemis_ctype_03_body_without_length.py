"""STOMP12-CTYPE-03 (SHOULD): without content-type a body is a blob. Where content-length is missing too, Artemis takes it for UTF-8, and
what is none is replaced. With content-length the octets come as they were."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/ctype-03\nreceipt:r\n\n\0")
ws.next()
ws.send(b"SEND\ndestination:/topic/ctype-03\n\n\xff\xfe\0", opcode=2)
ws.next()
mangled = ws.stream.endswith(b"\n\n\xef\xbf\xbd\xef\xbf\xbd\0\n")
ws.send(b"SEND\ndestination:/topic/ctype-03\ncontent-length:2\n\n\xff\xfe\0", opcode=2)
ws.next()
verdict("STOMP12-CTYPE-03", mangled and ws.stream.endswith(b"\n\n\xff\xfe\0\n"), "ff fe comes back as two U+FFFD")
