-- Whoever deletes messages must find their readings: without it each one deleted reads through all readings.
CREATE INDEX reading_of_message ON reading (message_id);
