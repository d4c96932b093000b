package driver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.springframework.core.NestedExceptionUtils;

/** Lines of JSON on standard output. */
final class Events {
    /** In ASCII: a text may have halves of surrogate pairs, which UTF-8 cannot say. */
    static final JsonMapper JSON = JsonMapper.builder()
            .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Events() {}

    static void tell(String event) {
        tell(event(event));
    }

    static void tell(String event, String member, String value) {
        tell(event(event).put(member, value));
    }

    static void error(String message) {
        tell("error", "message", message);
    }

    /** What went wrong, and what was the reason of it in the end. */
    static void error(String what, Throwable cause) {
        Throwable last = NestedExceptionUtils.getMostSpecificCause(cause);
        error(what + last.getClass().getSimpleName() + ": " + last.getMessage());
    }

    static ObjectNode event(String event) {
        return JSON.createObjectNode().put("event", event);
    }

    /** One event, one line. */
    static synchronized void tell(JsonNode event) {
        try {
            System.out.println(JSON.writeValueAsString(event));
            System.out.flush();
        } catch (JsonProcessingException cause) {
            throw new IllegalStateException(cause);
        }
    }
}
