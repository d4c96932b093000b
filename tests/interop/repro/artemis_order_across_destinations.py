"""STOMP12-ORDER (the text is silent): messages of one sender to one subscription keep their order. To two subscriptions of one
receiver they do not, even if both are to the same destination. Prints how many of 1,000 pairs came in the wrong order."""
from ws import Ws, verdict

wrong = {}
for first, second, count in (("a", "a", 2), ("a", "b", 2), ("b", "a", 2), ("c", "c", 4)):
    sender, reader = Ws(port=61614).connect(), Ws(port=61614).connect(2)
    for id, to in enumerate("abcc"):
        reader.send(f"SUBSCRIBE\nid:{id}\ndestination:/topic/order-{to}\nreceipt:r\n\n\0", quiet=True)
        reader.next(quiet=True)
    pairs = []
    for _ in range(1000):
        sender.send(f"SEND\ndestination:/topic/order-{first}\n\n1\0SEND\ndestination:/topic/order-{second}\n\n2\0", quiet=True)
        pairs.append("".join(reader.next(quiet=True)[-3] for _ in range(count)))
    wrong[first + second] = sum(pair != "".join(sorted(pair)) for pair in pairs)
print(f"     wrong of 1,000: {wrong}")
verdict("STOMP12-ORDER", not wrong["aa"] and wrong["ab"] + wrong["ba"] > 0 and wrong["cc"] > 0, "kept by one subscription, not across two")
