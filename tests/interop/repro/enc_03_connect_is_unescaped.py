"""STOMP12-ENC-03: CONNECT knows no escapes, a backslash in it is a backslash. RabbitMQ decodes it, and refuses."""
from ws import Ws, verdict

ws = Ws()
ws.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:stomp_1\npasscode:secret_1\nx:a\\tb\n\n\0")
verdict("STOMP12-ENC-03", ws.next() == 'closed 1007 {bad_escape,"\\\\t"}', "a legal CONNECT is refused as a bad escape")
