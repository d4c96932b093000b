package example.im;

import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.messaging.simp.config.ChannelRegistration;
import org.springframework.web.socket.config.annotation.StompEndpointRegistry;
import org.springframework.web.socket.config.annotation.WebSocketMessageBrokerConfigurer;

/** Rules for destinations, and an error handler. */
@Configuration
@Profile("hardened")
class HardenedConfig implements WebSocketMessageBrokerConfigurer {
    private final DestinationRules rules;

    HardenedConfig(DestinationRules rules) {
        this.rules = rules;
    }

    @Override
    public void registerStompEndpoints(StompEndpointRegistry registry) {
        registry.setErrorHandler(new PlainErrors());
    }

    @Override
    public void configureClientInboundChannel(ChannelRegistration registration) {
        registration.interceptors(rules);
    }
}
