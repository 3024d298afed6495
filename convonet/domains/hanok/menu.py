"""The menu, and the price of a pre-order: whole cents, seven percent off for ordering ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, computed_field

from convonet.domains.hanok.errors import Reason, ReservationRefused

DISCOUNT_PERCENT = 7
RETENTION_CENTS = 300_00
"""From this food total on, cancelling takes a second step."""
VIP_CENTS = 500_00
MAX_QUANTITY = 99


class MenuItem(BaseModel):
    """A dish; orders name it by `id`."""

    model_config = ConfigDict(frozen=True)

    id: str
    name_en: str
    name_ko: str
    description_en: str
    category: str
    price_cents: int


def _dish(dish: str, name_en: str, name_ko: str, category: str, price_cents: int, about: str) -> MenuItem:
    return MenuItem(
        id=dish, name_en=name_en, name_ko=name_ko, description_en=about, category=category, price_cents=price_cents
    )


MENU = (
    _dish("mandu", "Mandu", "만두", "starter", 1200, "Eight pan-fried dumplings with pork and chives."),
    _dish("haemul_pajeon", "Haemul pajeon", "해물파전", "starter", 1800, "Crisp scallion pancake with seafood."),
    _dish("japchae", "Japchae", "잡채", "main", 1700, "Sweet potato noodles with vegetables; vegan."),
    _dish("bibimbap", "Bibimbap", "비빔밥", "main", 1900, "Rice in a hot stone bowl, vegetables, egg, chili paste."),
    _dish("kimchi_jjigae", "Kimchi jjigae", "김치찌개", "main", 1800, "Stew of ripe kimchi, pork and tofu; hot."),
    _dish("bulgogi", "Bulgogi", "불고기", "main", 2500, "Thin slices of marinated beef from the grill."),
    _dish("galbi", "Galbi", "갈비", "main", 3800, "Marinated short ribs from the charcoal grill."),
    _dish("hanok_feast", "Hanok feast", "한옥 한상", "platter", 12800, "Galbi, pajeon, stew and banchan for four."),
)
DISHES = {item.id: item for item in MENU}


@dataclass(frozen=True, slots=True)
class OrderLine:
    """So many of a dish."""

    menu_item_id: str
    quantity: int


class PreorderItem(BaseModel):
    """A dish of a pre-order, at the price of the day on which it was ordered."""

    menu_item_id: str
    name_en: str = ""
    quantity: int = Field(ge=1)
    line_total_cents: int = Field(ge=0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unit_price_cents(self) -> int:
        return self.line_total_cents // self.quantity


@dataclass(frozen=True, slots=True)
class Order:
    """A pre-order and its price in cents."""

    items: tuple[PreorderItem, ...]
    subtotal_cents: int
    discount_cents: int

    @property
    def total_cents(self) -> int:
        return self.subtotal_cents - self.discount_cents


_STORED = TypeAdapter(list[PreorderItem])


def priced(lines: Iterable[OrderLine]) -> Order:
    """Price the order at today's prices; quantities of one dish are added up.

    Raises `ReservationRefused` for a dish that is not on the menu, and for too large a quantity.
    """
    wanted: Counter[str] = Counter()
    for line in lines:
        if line.menu_item_id not in DISHES:
            raise ReservationRefused(Reason.BAD_ORDER, f"{line.menu_item_id[:40]} is not on our menu.")
        wanted[line.menu_item_id] += line.quantity
    if any(not 0 <= quantity <= MAX_QUANTITY for quantity in wanted.values()):
        raise ReservationRefused(Reason.BAD_ORDER, f"We can prepare at most {MAX_QUANTITY} of a dish.")
    items = tuple(_line(DISHES[dish], quantity) for dish, quantity in wanted.items() if quantity)
    subtotal = sum(item.line_total_cents for item in items)
    return Order(items, subtotal, (subtotal * DISCOUNT_PERCENT + 50) // 100)


def stored_items(text: str | None) -> list[PreorderItem]:
    """Read the dishes in a row's JSON; an unreadable one of the replaced deployment counts as empty."""
    try:
        return _STORED.validate_json(text) if text else []
    except ValidationError:
        return []


def to_store(items: Iterable[PreorderItem]) -> str | None:
    """Write the JSON of a row; None for an empty order."""
    lines = list(items)
    return _STORED.dump_json(lines).decode() if lines else None


def _line(item: MenuItem, quantity: int) -> PreorderItem:
    return PreorderItem(
        menu_item_id=item.id, name_en=item.name_en, quantity=quantity, line_total_cents=quantity * item.price_cents
    )
