"""The refusals of the CRM, with the words that a caller hears."""

from convonet.core.errors import DomainError, NotFound


class CrmRefused(DomainError):
    """SuiteCRM refuses this request, and would refuse it again; the text is its own."""

    spoken = "The patient records did not accept that."


class PatientNotFound(NotFound):
    """The contact does not exist, or is not bound to the caller: both look alike."""

    spoken = "I can't find that patient among yours."


class CaseNotFound(NotFound):
    """The case does not exist, or is not the patient's."""

    spoken = "I can't find that case for this patient."
