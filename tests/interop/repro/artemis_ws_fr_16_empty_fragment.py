"""WS-FR-16: a message may be in fragments of any size, empty ones included. An empty one amid the headers of a frame makes Artemis forget
what it has read of it: ERROR (a NullPointerException), or it waits for more. Cut in the same place without an empty one, all is well."""
from ws import Ws, verdict

answers = {}
for empties in ([], [""]):
    for head in ("SEND\nde", "SEND\ndestination:/to"):
        ws, tail = Ws(port=61614).connect(), "SEND\ndestination:/topic/ws-fr-16\nreceipt:r\n\nx\0"[len(head):]
        for first, last, part in [(1, 0, head)] + [(0, 0, e) for e in empties] + [(0, 128, tail)]:
            ws.say("-->", f"(fragment) {part}")
            ws.tcp.sendall(bytes([first | last, 128 | len(part)]) + bytes(4) + part.encode())
        answers[len(empties), head] = ws.next(1).split("\n")[0]
verdict("WS-FR-16", list(answers.values()) == ["RECEIPT", "RECEIPT", "ERROR", "nothing"], "an empty fragment amid the headers spoils the frame")
