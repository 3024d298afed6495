"""The refusals of the CRM, with the words that a caller hears."""

from __future__ import annotations

from convonet.core.errors import DomainError


class CrmRefused(DomainError):
    """SuiteCRM will not take this request, and will not take it again; the text is its own."""

    spoken = "The patient records did not accept that."


NO_PATIENT = "I can't find that patient among yours."
NO_CASE = "I can't find that case for this patient."
