package example.im;

import com.fasterxml.jackson.annotation.JsonInclude;

/** A message as its receivers see it; a revoked one has no content any more. */
@JsonInclude(JsonInclude.Include.NON_NULL)
record ChatMessage(String id, String fromId, String toId, ChatType chatType, String msgType, String content,
                   Status status, long createdAt) {

    enum ChatType { SINGLE, GROUP }

    enum Status { SENT, REVOKED }

    /** Ids are chosen by senders, so that two senders may choose the same. */
    record Key(String fromId, String id) {}

    Key key() {
        return new Key(fromId, id);
    }

    ChatMessage revoked() {
        return new ChatMessage(id, fromId, toId, chatType, msgType, null, Status.REVOKED, createdAt);
    }
}
