package example.im;

import org.springframework.context.annotation.Lazy;
import org.springframework.context.annotation.Profile;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.MessageBuilder;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.stereotype.Component;

/**
 * Sends the ERROR itself, on which Spring closes the session. An exception would do where the order of received frames is
 * not preserved; where it is, Spring only logs it.
 */
@Component
@Profile("hardened")
class ErrorFrameRefusal extends Refusal {
    private final MessageChannel clientOutboundChannel;

    ErrorFrameRefusal(@Lazy MessageChannel clientOutboundChannel) {
        this.clientOutboundChannel = clientOutboundChannel;
    }

    @Override
    Message<?> refuse(Message<?> message, String reason) {
        var frame = MessageHeaderAccessor.getAccessor(message, StompHeaderAccessor.class);
        var error = StompHeaderAccessor.create(StompCommand.ERROR);
        error.setSessionId(frame.getSessionId());
        error.setSessionAttributes(frame.getSessionAttributes());
        error.setMessage(reason);
        if (frame.getReceipt() != null) {
            error.setReceiptId(frame.getReceipt());
        }
        clientOutboundChannel.send(MessageBuilder.createMessage(new byte[0], error.getMessageHeaders()));
        return null; // the frame goes no further
    }
}
