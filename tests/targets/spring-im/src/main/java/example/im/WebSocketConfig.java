package example.im;

import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.simp.config.ChannelRegistration;
import org.springframework.messaging.simp.config.MessageBrokerRegistry;
import org.springframework.web.socket.config.annotation.EnableWebSocketMessageBroker;
import org.springframework.web.socket.config.annotation.StompEndpointRegistry;
import org.springframework.web.socket.config.annotation.WebSocketMessageBrokerConfigurer;

/** The configuration that the protocol document publishes. The other profiles add to it. */
@Configuration
@EnableWebSocketMessageBroker
class WebSocketConfig implements WebSocketMessageBrokerConfigurer {
    private final HandshakeToken handshakeToken;
    private final ConnectToken connectToken;

    WebSocketConfig(HandshakeToken handshakeToken, ConnectToken connectToken) {
        this.handshakeToken = handshakeToken;
        this.connectToken = connectToken;
    }

    @Override
    public void registerStompEndpoints(StompEndpointRegistry registry) {
        registry.addEndpoint("/ws/im").setAllowedOriginPatterns("*").addInterceptors(handshakeToken);
        registry.addEndpoint("/ws/im").setAllowedOriginPatterns("*").addInterceptors(handshakeToken).withSockJS();
    }

    @Override
    public void configureMessageBroker(MessageBrokerRegistry registry) {
        registry.enableSimpleBroker("/topic", "/queue");
        registry.setApplicationDestinationPrefixes("/app");
        registry.setUserDestinationPrefix("/user");
    }

    @Override
    public void configureClientInboundChannel(ChannelRegistration registration) {
        registration.interceptors(connectToken);
    }
}
