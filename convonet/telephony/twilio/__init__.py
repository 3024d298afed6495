"""Twilio as a carrier: its REST API, TwiML, webhooks and media streams."""
