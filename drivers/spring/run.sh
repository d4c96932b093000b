#!/bin/sh
# Starts the driver; `mvn -q -f drivers/spring package` builds it. The options are for a quick start.
exec java -Xshare:auto -XX:TieredStopAtLevel=1 -Xmx128m -jar "$(dirname "$0")/target/spring-driver.jar"
