"""Create the mortgage tables of the replaced deployment; existing ones stay unchanged."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
MONEY = sa.Numeric(12, 2).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Create missing tables."""
    present = sa.inspect(op.get_bind()).get_table_names()
    if "mortgage_applications" not in present:
        _create_applications()
    if "mortgage_debts" not in present:
        _create_debts()
    if "mortgage_documents" not in present:
        _create_documents()


def _create_applications() -> None:
    op.create_table(
        "mortgage_applications",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users_anthropic.id"), nullable=False, index=True),
        sa.Column("status", sa.String(50), nullable=False),
        sa.Column("credit_score", sa.Integer),
        sa.Column("credit_history_years", sa.Integer),
        sa.Column("dti_ratio", MONEY),
        sa.Column("monthly_income", MONEY),
        sa.Column("monthly_debt", MONEY),
        sa.Column("down_payment_amount", MONEY),
        sa.Column("closing_costs_estimate", MONEY),
        sa.Column("total_savings", MONEY),
        sa.Column("loan_type", sa.String(50)),
        sa.Column("loan_amount", MONEY),
        sa.Column("property_value", MONEY),
        sa.Column("financial_review_completed", sa.Boolean),
        sa.Column("document_collection_completed", sa.Boolean),
        sa.Column("document_verification_completed", sa.Boolean),
        sa.Column("app_metadata", sa.JSON),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("completed_at", TIME),
    )


def _create_debts() -> None:
    op.create_table(
        "mortgage_debts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("mortgage_applications.id"), nullable=False, index=True),
        sa.Column("debt_type", sa.String(50), nullable=False),
        sa.Column("creditor_name", sa.String(255)),
        sa.Column("account_number", sa.String(100)),
        sa.Column("monthly_payment", MONEY, nullable=False),
        sa.Column("outstanding_balance", MONEY),
        sa.Column("interest_rate", MONEY),
        sa.Column("description", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
    )


def _create_documents() -> None:
    op.create_table(
        "mortgage_documents",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("mortgage_applications.id"), nullable=False, index=True),
        sa.Column("document_type", sa.String(50), nullable=False),
        sa.Column("document_name", sa.String(255), nullable=False),
        sa.Column("file_path", sa.String(500)),
        sa.Column("file_url", sa.String(500)),
        sa.Column("file_size", sa.Integer),
        sa.Column("mime_type", sa.String(100)),
        sa.Column("status", sa.String(50), nullable=False),
        sa.Column("verified_at", TIME),
        sa.Column("verified_by", sa.Uuid),
        sa.Column("verification_notes", sa.Text),
        sa.Column("rejection_reason", sa.Text),
        sa.Column("doc_metadata", sa.JSON),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("uploaded_at", TIME),
    )
