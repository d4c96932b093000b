package example.im;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import java.security.Principal;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.simp.SimpMessageHeaderAccessor;
import org.springframework.stereotype.Controller;

/** What clients SEND to `/app/chat.…`. Whatever names another application is ignored. */
@Controller
class ChatController {
    record Send(@NotBlank String appId, @NotBlank String messageId, @NotBlank String toId,
                @NotNull ChatMessage.ChatType chatType, @NotBlank String msgType, @NotNull String content) {}

    record Revoke(@NotBlank String appId, @NotBlank String messageId) {}

    record Sync(@NotBlank String appId) {}

    private final Directory directory;
    private final ChatService chat;

    ChatController(Directory directory, ChatService chat) {
        this.directory = directory;
        this.chat = chat;
    }

    @MessageMapping("/chat.send")
    void send(@Valid @Payload Send body, Principal user) {
        if (body.appId().equals(directory.appId())) {
            chat.send(new ChatMessage(body.messageId(), user.getName(), body.toId(), body.chatType(), body.msgType(),
                    body.content(), ChatMessage.Status.SENT, System.currentTimeMillis()));
        }
    }

    @MessageMapping("/chat.revoke")
    void revoke(@Valid @Payload Revoke body, Principal user) {
        if (body.appId().equals(directory.appId())) {
            chat.revoke(new ChatMessage.Key(user.getName(), body.messageId()));
        }
    }

    @MessageMapping("/chat.sync")
    void sync(@Valid @Payload Sync body, Principal user,
              @Header(SimpMessageHeaderAccessor.SESSION_ID_HEADER) String session) {
        if (body.appId().equals(directory.appId())) {
            chat.sync(user.getName(), session);
        }
    }
}
