"""STOMP12-SUB-05, MSG-04: SUBSCRIBE must have an `id`, MESSAGE must have `subscription`. RabbitMQ needs and gives neither."""
from ws import Ws, verdict

ws = Ws().connect()
ws.send("SUBSCRIBE\ndestination:/topic/sub-05\nreceipt:r\n\n\0")
receipt = ws.next()
ws.send("SEND\ndestination:/topic/sub-05\n\nx\0")
message = ws.next()
verdict("STOMP12-SUB-05", receipt.startswith("RECEIPT") and message.startswith("MESSAGE") and "subscription:" not in message,
        "accepted on 1.2, and MESSAGE comes without `subscription`")
