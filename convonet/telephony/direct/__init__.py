"""The direct way of a hand-over: the desk's page and a voice replica exchange the audio, and nobody else."""
