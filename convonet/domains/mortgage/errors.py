"""The refusals that several mortgage tools share, with the words that a caller hears."""

from __future__ import annotations

NO_APPLICATION = "You have no mortgage application yet. Would you like to start one?"
NOT_YOURS = "I can't find that mortgage application."
