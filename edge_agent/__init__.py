"""The hub: sensors in over MQTT, stock and forecast, prompts to the household, signed intents out."""

__version__ = "0.1.0"
