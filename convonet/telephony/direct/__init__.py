"""The direct carrier: the desk's page and a voice replica exchange the audio, without any telephone company."""
