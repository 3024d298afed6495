"""Applications of the deployment that is replaced: its columns are PostgreSQL enums, its figures are unchecked."""

import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.mortgage.applications.service import Figures, MortgageService
from convonet.domains.mortgage.debts.service import DebtService, NewDebt
from convonet.domains.mortgage.documents.service import DocumentService, NewDocument
from convonet.domains.mortgage.enums import DebtType, DocumentType, Status
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate

OLD = Owner(uuid.UUID("6f8f57b0-93c2-4b58-8a3c-7fb9c3a6a001"), ZoneInfo("UTC"))
DRAFT = "6f8f57b0-93c2-4b58-8a3c-7fb9c3a6d001"

OLD_TABLES = f"""
CREATE TABLE users_anthropic (id uuid PRIMARY KEY, email varchar(255) UNIQUE, username varchar(100) UNIQUE,
  password_hash varchar(255), first_name varchar(100), last_name varchar(100), voice_pin varchar(10) UNIQUE,
  is_active boolean, is_verified boolean, created_at timestamptz, updated_at timestamptz, last_login_at timestamptz);
INSERT INTO users_anthropic (id, email, is_active) VALUES ('{OLD.user_id}', 'old@example.com', true);
CREATE TYPE application_status AS ENUM ({", ".join(f"'{status}'" for status in Status)});
CREATE TYPE document_type AS ENUM ({", ".join(f"'{kind}'" for kind in DocumentType)});
CREATE TYPE document_status AS ENUM ('pending', 'uploaded', 'verified', 'rejected');
CREATE TABLE mortgage_applications (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users_anthropic,
  status application_status NOT NULL, credit_score int, credit_history_years int, dti_ratio numeric(5, 2),
  monthly_income numeric(12, 2), monthly_debt numeric(12, 2), down_payment_amount numeric(12, 2),
  closing_costs_estimate numeric(12, 2), total_savings numeric(12, 2), loan_type varchar(50),
  loan_amount numeric(12, 2), property_value numeric(12, 2), financial_review_completed boolean NOT NULL,
  document_collection_completed boolean NOT NULL, document_verification_completed boolean NOT NULL,
  app_metadata jsonb, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, completed_at timestamptz);
CREATE TABLE mortgage_documents (id uuid PRIMARY KEY, application_id uuid NOT NULL REFERENCES mortgage_applications,
  document_type document_type NOT NULL, document_name varchar(255) NOT NULL, file_path varchar(500),
  file_url varchar(500), file_size int, mime_type varchar(100), status document_status NOT NULL,
  verified_at timestamptz, verified_by uuid, verification_notes text, rejection_reason text, doc_metadata jsonb,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, uploaded_at timestamptz);
CREATE TABLE mortgage_debts (id uuid PRIMARY KEY, application_id uuid NOT NULL REFERENCES mortgage_applications,
  debt_type varchar(50) NOT NULL, creditor_name varchar(255), account_number varchar(100),
  monthly_payment numeric(10, 2) NOT NULL, outstanding_balance numeric(12, 2), interest_rate numeric(5, 2),
  description text, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
INSERT INTO mortgage_applications VALUES ('{DRAFT}', '{OLD.user_id}', 'draft', 700, NULL, NULL, 0, 100,
  20000, NULL, NULL, 'FHA', 200000, 250000, false, false, false, '{{"a": 1}}', now(), now(), NULL);
INSERT INTO mortgage_debts VALUES (gen_random_uuid(), '{DRAFT}', 'boat', NULL, '4000 1234 5678 9010', 50, NULL, NULL,
  NULL, now(), now());
"""


@pytest.fixture
async def old_database(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(OLD_TABLES)
    await connection.close()
    url = Settings(DB_URI=fresh_database).storage.database_url
    await migrate(url)
    database = Database(url)
    yield database
    await database.close()


async def test_an_old_application_is_carried_on_in_its_own_columns(old_database):
    applications, documents = MortgageService(old_database), DocumentService(old_database)
    assert (await applications.status(OLD, None)).application_id == DRAFT
    noted = await applications.note_figures(OLD, None, Figures(monthly_income=Decimal(8_000)))
    assert (noted.status, noted.dti_ratio) == (Status.DOCUMENT_COLLECTION, Decimal("1.25"))
    for kind in noted.missing_documents:
        await documents.add_document(OLD, None, NewDocument(kind, "paper", None, None))
    assert (await applications.status(OLD, None)).status == Status.DOCUMENT_VERIFICATION
    assert (await applications.cancel(OLD, None)).status == Status.CANCELLED
    assert (await applications.create(OLD)).status == Status.DRAFT


async def test_an_income_of_nothing_is_an_unknown_income(old_database):
    applications = MortgageService(old_database)
    assert "monthly_income" in (await applications.status(OLD, DRAFT)).missing_figures
    for reckon in (applications.ratio, applications.preapproval):
        with pytest.raises(DomainError) as refused:
            await reckon(OLD, DRAFT)
        assert refused.value.spoken == "For that I need to know your monthly income."


async def test_a_whole_account_number_and_an_unknown_kind_of_debt_are_shown_with_care(old_database):
    debts = DebtService(old_database)
    new = NewDebt(DebtType.OTHER, Decimal(10), None, None, None, None, None)
    await debts.add_debt(OLD, DRAFT, new)
    old, _ = (await debts.debts(OLD, DRAFT)).debts
    assert (old.debt_type, old.account_ending) == ("boat", "9010")
