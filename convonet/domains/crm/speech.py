"""The words of the CRM as they are said aloud."""

from __future__ import annotations

from convonet.domains.crm.backends.base import Priority

PRIORITIES = {Priority.P1: "urgent", Priority.P2: "high priority", Priority.P3: "normal priority"}
