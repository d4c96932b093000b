package example.im;

import java.nio.charset.StandardCharsets;
import org.springframework.messaging.Message;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.MessageBuilder;
import org.springframework.util.MimeTypeUtils;
import org.springframework.web.socket.messaging.StompSubProtocolErrorHandler;

/** ERROR says in header and body why, in words of our own: an exception's text tells of the inside. */
class PlainErrors extends StompSubProtocolErrorHandler {
    @Override
    protected Message<byte[]> handleInternal(StompHeaderAccessor error, byte[] payload, Throwable cause,
                                             StompHeaderAccessor clientFrame) {
        if (cause != null) {
            error.setMessage("Bad frame");
        }
        error.setContentType(MimeTypeUtils.TEXT_PLAIN);
        byte[] body = error.getMessage().getBytes(StandardCharsets.UTF_8);
        return MessageBuilder.createMessage(body, error.getMessageHeaders());
    }
}
