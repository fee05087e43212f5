"""The link to the controller: a durable outbox and one thread that empties it over MQTT 5."""
