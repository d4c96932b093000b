package example.im;

import java.security.Principal;
import java.util.Optional;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.simp.SimpMessageType;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.ChannelInterceptor;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.stereotype.Component;

/** CONNECT needs `Authorization:Bearer TOKEN`, a token of the user whose token the upgrade had. */
@Component
class ConnectToken implements ChannelInterceptor {
    private static final String SCHEME = "Bearer ";

    private final Directory directory;
    private final Refusal refusal;

    ConnectToken(Directory directory, Refusal refusal) {
        this.directory = directory;
        this.refusal = refusal;
    }

    record User(String getName) implements Principal {}

    @Override
    public Message<?> preSend(Message<?> message, MessageChannel channel) {
        var frame = MessageHeaderAccessor.getAccessor(message, StompHeaderAccessor.class);
        if (frame.getMessageType() != SimpMessageType.CONNECT) {
            return message;
        }
        Optional<String> user = Optional.ofNullable(frame.getFirstNativeHeader("Authorization"))
                .filter(value -> value.startsWith(SCHEME))
                .flatMap(value -> directory.userOf(value.substring(SCHEME.length())))
                .filter(name -> name.equals(frame.getSessionAttributes().get(HandshakeToken.USER)));
        if (user.isEmpty()) {
            return refusal.refuse(message, "Unauthorized");
        }
        frame.setUser(new User(user.get()));
        return message;
    }
}
