"""The telephone side of a hand-over: audio between a browser and a phone line, Twilio, and who is rung."""
