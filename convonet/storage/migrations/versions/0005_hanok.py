"""Create the restaurant's reservations and free tables as in the replaced deployment.

In its database both exist already, with rows; reservations get columns for the caller who booked by voice and for the
staff's decision about VIP.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create missing tables."""
    inspector = sa.inspect(op.get_bind())
    present = inspector.get_table_names()
    if "reservations" not in present:
        _create_reservations()
    else:
        columns = {column["name"] for column in inspector.get_columns("reservations")}
        for name, kind in (("owner_id", sa.Uuid()), ("vip_by_staff", sa.Boolean())):
            if name not in columns:
                op.add_column("reservations", sa.Column(name, kind))
    for column in ("guest_phone", "starts_at", "owner_id"):
        op.create_index(f"ix_reservations_{column}", "reservations", [column], if_not_exists=True)
    if "table_slot_inventory" not in present:
        op.create_table(
            "table_slot_inventory",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("slot_start", sa.DateTime(timezone=False), nullable=False),
            sa.Column("table_size", sa.Integer, nullable=False),
            sa.Column("available_count", sa.Integer, nullable=False),
            sa.UniqueConstraint("slot_start", "table_size"),
            sa.CheckConstraint("available_count >= 0", name="ck_table_slot_inventory_not_overbooked"),
        )


def _create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("confirmation_code", sa.String(16), nullable=False, unique=True),
        sa.Column("guest_name", sa.String(255), nullable=False),
        sa.Column("guest_phone", sa.String(64), nullable=False),
        sa.Column("party_size", sa.Integer, nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("special_requests", sa.Text),
        sa.Column("preorder_json", sa.Text),
        sa.Column("food_subtotal_cents", sa.Integer, nullable=False),
        sa.Column("preorder_discount_cents", sa.Integer, nullable=False),
        sa.Column("food_total_cents", sa.Integer, nullable=False),
        sa.Column("source_channel", sa.String(32), nullable=False),
        sa.Column("preferred_locale", sa.String(16), nullable=False),
        sa.Column("reminder_call_status", sa.String(128)),
        sa.Column("duration_minutes", sa.Integer, nullable=False),
        sa.Column("tables_allocated_json", sa.Text),
        sa.Column("guest_priority", sa.String(16), nullable=False),
        sa.Column("seating_status", sa.String(32), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("owner_id", sa.Uuid, sa.ForeignKey("users_anthropic.id")),
        sa.Column("vip_by_staff", sa.Boolean),
    )
