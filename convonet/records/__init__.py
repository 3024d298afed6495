"""The record of every turn: its words, its tool calls and the time of each stage, retained for a week."""
