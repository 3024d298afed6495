"""The choice of the CRM: SuiteCRM when its settings are there, else our own tables."""

from __future__ import annotations

from convonet.domains.crm.backends.base import Crm
from convonet.domains.crm.backends.own import OwnCrm
from convonet.domains.crm.backends.suitecrm import SuiteCrm
from convonet.domains.crm.backends.suitecrm_client import SuiteCrmAccount, SuiteCrmClient
from convonet.settings import Settings
from convonet.settings.crm import CrmSettings
from convonet.storage.database import Database


def configured_crm(database: Database, settings: Settings) -> Crm:
    """The CRM; make one per process and `close` it."""
    account = _account(settings.crm)
    if account is None:
        return OwnCrm(database)
    return SuiteCrm(SuiteCrmClient(account), settings.callers.phone_region)


def _account(settings: CrmSettings) -> SuiteCrmAccount | None:
    """The account, or None without SUITECRM_*; the settings are all there or all missing."""
    if not (settings.suitecrm_url and settings.suitecrm_client_id and settings.suitecrm_client_secret):
        return None
    return SuiteCrmAccount(
        url=str(settings.suitecrm_url),
        client_id=settings.suitecrm_client_id,
        client_secret=settings.suitecrm_client_secret,
        username=settings.suitecrm_username,
        password=settings.suitecrm_password,
        auth_timeout_s=settings.suitecrm_auth_timeout_s,
        timeout_s=settings.suitecrm_timeout_s,
    )
