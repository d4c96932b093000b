package driver;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What the user is shown: everything once, whatever the server repeats after a sync. */
final class Inbox {
    private static final List<String> MEMBERS = List.of("id", "fromId", "toId", "chatType", "msgType", "content");

    private final Set<String> shown = new HashSet<>();
    private final Set<String> revoked = new HashSet<>();

    /** A sync may be answered by one MESSAGE with all there is. */
    void open(JsonNode body, Map<String, String> headers) {
        JsonNode messages = body.path("messages").isArray() ? body.get("messages") : body;
        if (messages.isArray()) {
            messages.forEach(message -> show(message, headers));
        } else {
            show(messages, headers);
        }
    }

    private void show(JsonNode message, Map<String, String> headers) {
        if (!message.isObject()) {
            Events.error("a message that is no JSON object: " + message);
        } else if (isNotice(message)) {
            revoke(message);
        } else {
            showOnce(message, headers);
        }
    }

    private static boolean isNotice(JsonNode message) {
        String type = message.path("msgType").asText();
        return message.path("status").asText().equals("REVOKED") || type.equals("REVOKED") || type.equals("REVOKE");
    }

    private void revoke(JsonNode notice) {
        if (key(notice).map(revoked::add).orElse(true)) {
            Events.tell(Events.event("revoked").set("id", id(notice)));
        }
    }

    private void showOnce(JsonNode message, Map<String, String> headers) {
        Optional<String> key = key(message);
        // A revoked message may come late: Spring's broker does not keep the order.
        if (key.filter(revoked::contains).isPresent() || !key.map(shown::add).orElse(true)) {
            return;
        }
        var event = Events.event("message");
        MEMBERS.stream().filter(message::has).forEach(name -> event.set(name, message.get(name)));
        event.set("headers", Events.JSON.valueToTree(headers));
        Events.tell(event);
    }

    /** Two users may give the same id to their messages. */
    private static Optional<String> key(JsonNode message) {
        return Optional.ofNullable(id(message)).map(id -> message.path("fromId") + " " + id);
    }

    private static JsonNode id(JsonNode message) {
        return message.has("id") ? message.get("id") : message.get("messageId");
    }
}
