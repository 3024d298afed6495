"""Settings of a telephone that nobody calls."""

TELEPHONE = {
    "FREEPBX_DOMAIN": "pbx.test",
    "FREEPBX_WSS_URL": "wss://pbx.test:7443",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "a-token",
    "VOICE_GATEWAY_PUBLIC_URL": "https://calls.example.test",
}
